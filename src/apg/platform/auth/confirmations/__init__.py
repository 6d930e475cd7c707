"""A person proves again that he is there, for one thing he is about to sign."""
