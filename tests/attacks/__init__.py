"""Attacks as tests: one file per attack, named for it, with the outcome asserted."""
