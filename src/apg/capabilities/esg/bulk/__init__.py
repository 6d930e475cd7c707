"""Many rows at once: files and bodies as columns, checked by distinct value; imports and reports."""
