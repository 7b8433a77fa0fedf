"""Releases on their way to this machine and as they are installed: fetch, read, show, check."""
