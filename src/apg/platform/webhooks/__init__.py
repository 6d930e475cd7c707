"""Webhooks: other systems are told what happened."""
