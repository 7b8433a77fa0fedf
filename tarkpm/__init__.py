"""tarkpm finds, locks, verifies and runs WebAssembly plugins for tark."""

__version__ = "0.1.0"
