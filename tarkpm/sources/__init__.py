"""Where releases come from. Sources only read."""
