"""The search over everything that the capabilities which are on can find."""
