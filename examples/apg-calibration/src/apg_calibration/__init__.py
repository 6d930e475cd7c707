"""Calibration of measuring instruments: a capability of APG."""
