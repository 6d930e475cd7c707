"""Accounts: password, second factor, invitation and reset; what a person does with his own."""
