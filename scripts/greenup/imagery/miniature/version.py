"""The version of the simulator."""

VERSION = 1
"""Raised by every change that moves a pixel, a date or a label. Frozen since 1: see the package's docstring."""
