"""The sources of releases: git repositories, community indexes and local folders. Sources only read."""
