"""What the edges share: files that are written whole or not at all, and locks that name their holder."""
