"""Classes of parts: a tree with inherited attributes, and how their revisions are labelled."""
