"""Toolchains of plugin authors: finding compilers, running them, and making components of what they build."""
