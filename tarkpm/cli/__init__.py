"""The command line: the only place that reads environment variables, and where text and JSON are made."""
