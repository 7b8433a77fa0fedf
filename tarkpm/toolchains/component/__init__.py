"""Core module to component, in Python, driven by the WIT of tark. Pure: no disk, no process, no clock."""
