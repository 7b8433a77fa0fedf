"""Dependency resolution: a pure function from a catalog and requirements to one release per plugin."""
