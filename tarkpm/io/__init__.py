"""I/O shared by the outer layers: files, locks, HTTP, OAuth and parallel work."""
