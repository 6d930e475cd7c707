"""Who people are and what they may: accounts, memberships, roles, sessions, keys for programs."""
