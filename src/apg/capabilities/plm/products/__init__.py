"""Items and their revisions: what the wire calls a product."""
