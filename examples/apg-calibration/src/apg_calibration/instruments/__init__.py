"""Instruments and their due dates."""
