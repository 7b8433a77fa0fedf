"""Inspection of WebAssembly modules, without running them."""
