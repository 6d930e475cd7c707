"""Sessions: signing in, tokens, and the check of every credential."""
