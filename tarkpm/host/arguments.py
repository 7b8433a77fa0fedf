"""The size check of a call's arguments, which runs before a process is started."""

from collections.abc import Iterable
from typing import Any

from tarkpm.errors import HostError, LimitReached
from tarkpm.host.limits import size


def check_size(args: list[Any], limit: int, where: str) -> None:
    """Check that each argument is valid Unicode and has at most ``limit`` bytes of text.

    Raises `HostError` and `LimitReached`.
    """
    for arg in args:
        used = 0
        for text in _texts(arg):
            try:
                used += len(text) if text.isascii() or len(text) > limit else len(text.encode())
            except UnicodeEncodeError:
                raise HostError("the arguments are not valid Unicode", where=where) from None
        if used > limit:
            raise LimitReached(f"the arguments are longer than {size(limit)}", where=where)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value if isinstance(value, list) else value.values():
            yield from _texts(item)
