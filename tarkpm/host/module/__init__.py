"""Inspection of WebAssembly modules, without running them, and the check that they fit a plugin type."""
