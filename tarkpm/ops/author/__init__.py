"""What the authors' verbs share: reviews of a working copy, and the worlds it is tested and tried in."""
