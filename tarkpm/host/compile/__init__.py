"""Compilation of modules, in a child process, and the cache of compiled code."""
