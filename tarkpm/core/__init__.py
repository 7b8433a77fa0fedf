"""Values and pure functions: documents, trust and resolution, without disk, network, clock or environment."""
