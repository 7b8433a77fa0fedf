"""What tarkpm knows, as values and pure functions: no disk, network, clock or environment."""
