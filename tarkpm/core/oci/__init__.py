"""Plugins in OCI registries: how one is named, and how it is stored there."""
