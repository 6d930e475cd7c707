"""The demo company: real data with its licences, loaded through the product's own services."""
