"""Bills of materials: lines, roll-up, where-used, compare."""
