"""Downstream tasks: which image carries which label, and which images train, validate and test in each fold."""
