"""The project a verb works on: where it is, its documents, indexes, settings and decisions."""
