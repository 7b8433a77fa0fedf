"""The verbs of `tarkpm index` that maintain an index."""
