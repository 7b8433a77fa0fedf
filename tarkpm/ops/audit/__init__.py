"""Checks of `verify` and `doctor`."""
