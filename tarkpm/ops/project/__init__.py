"""The project a verb works on: its location, documents, indexes, settings and decisions."""
