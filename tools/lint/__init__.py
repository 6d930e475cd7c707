"""Our own rules: what reviewers kept repeating, as code. `python -m tools.lint`."""
