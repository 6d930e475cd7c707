"""Calculations: runs over activity records, their lines, their seals, their comparison."""
