"""What `verify` and `doctor` look at."""
