"""Emission factors: sources, versions, approvals, and which one an activity takes."""
