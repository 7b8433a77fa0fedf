"""Lists whose last column is copied: a key or a digest, which is of no use if it is cut or wrapped."""

import sys
from collections.abc import Sequence

from tarkpm.cli.console import is_terminal, size
from tarkpm.cli.tables import table


def copyable(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a table whose last column is never cut.

    At a terminal that is too narrow for it, each row is followed by a line of its own for that column.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    room = size(sys.stdout)[0] - 1
    if not is_terminal(sys.stdout) or sum(widths) + 2 * (len(widths) - 1) <= room:
        return table(header, rows)
    first, *lines = table(header[:-1], [row[:-1] for row in rows])
    pairs = ((line, f"  {row[-1]}") for line, row in zip(lines, rows, strict=True))
    return [first, *(line for pair in pairs for line in pair)]
