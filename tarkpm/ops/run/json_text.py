"""Check JSON arguments before a worker is started for them."""

import json

from tarkpm.core.text import bounded_int, json_flaw, reject_constant
from tarkpm.errors import TarkError


def check_json(text: str, what: str = "the arguments are", *, where: str = "") -> None:
    """Raise `TarkError` unless ``text``, from ``where``, is JSON; ``what`` begins the sentence."""
    try:
        json.loads(text, parse_constant=reject_constant, parse_int=bounded_int)
        return
    except (RecursionError, ValueError) as found:
        problem = json_flaw(found)
    hint = "" if where else """quote it for your shell: '{"text":"a"}'"""
    raise TarkError(f"{what} not JSON: {problem}", where=where, hint=hint)
