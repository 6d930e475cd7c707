"""Dated exchange rates: published ones for all, and a company's own."""
