"""Import of parts and bills of materials: read, map, match, compare, take."""
