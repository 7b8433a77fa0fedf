"""Values and pure functions: no disk, network, clock or environment."""
