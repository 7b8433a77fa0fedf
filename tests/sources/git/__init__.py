"""The git source: URLs, limits, sessions with a real git server, and attacks."""
