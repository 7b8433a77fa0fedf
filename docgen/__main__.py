"""``python3 dev.py docs``: write the reference pages."""

import sys

from docgen import reference


def main() -> int:
    """Write every page that does not say what the program says."""
    for name in reference.write():
        print(f"wrote docs/reference/{name}")
    return 0


sys.exit(main())
