"""Validation of a tool's arguments against its JSON schema. Both are untrusted, so this runs in the worker.

Nothing is fetched: a reference outside the schema makes the schema unusable. If a pattern or a schema takes
too long, the process is killed at the parent's deadline.
"""

import contextlib
import itertools
import json
import sys
from typing import Any, NoReturn

from tarkpm.core.text import json_flaw, reject_constant

MAX_ERRORS = 20
MAX_NAMED = 5
"""Errors that are named; a model that sees one after another would call once for each."""
MAX_REASON = 300
TRIVIAL = ("", "{}", "true")
"""Schemas that accept everything, even arguments that are not JSON."""


class BadArguments(ValueError):
    """The arguments do not match the schema; the message says where and why."""


class BadSchema(ValueError):
    """The schema cannot be used; the message says why."""


class Unready(Exception):
    """There is a schema, but the validator was not imported before the process gave up its files."""


class Schemas:
    """The schemas of one plugin's tools. jsonschema-rs is imported only if there may be schemas."""

    def __init__(self, *, ready: bool) -> None:
        """Create it; ``ready`` imports the validator now, because this process soon cannot open files."""
        self._ready = ready
        self._texts: dict[str, str] | None = None
        self._validators: dict[str, Any] = {}
        if ready:
            import jsonschema_rs  # noqa: F401  # takes 10 ms

    @property
    def known(self) -> bool:
        """Return whether the plugin has returned its tools."""
        return self._texts is not None

    def learn(self, tools: list[dict[str, str]]) -> None:
        """Take the schemas from the result of ``get-tools``."""
        self._texts = {tool["name"]: tool["parameters-schema"].strip() for tool in tools}

    def check(self, tool: str, arguments: str) -> None:
        """Check a tool's arguments. The plugin itself refuses an unknown tool.

        Raises `BadArguments`, `BadSchema` and `Unready`.
        """
        text = (self._texts or {}).get(tool, "")
        if text in TRIVIAL:
            return
        validator = self._validators.get(tool)
        if validator is None:
            if not self._ready:
                raise Unready
            validator = self._validators[tool] = _validator(tool, text)
        document = _parsed(arguments)
        try:
            fits = validator.is_valid(document)
        except Exception as problem:  # noqa: BLE001  # the library's own limits, of several types
            raise BadArguments(_short(problem)) from None
        if not fits:
            raise BadArguments(_reasons(validator, document))


def _validator(tool: str, text: str) -> Any:
    import jsonschema_rs

    try:
        schema = json.loads(text)
        # The retriever refuses every `$ref` outside the schema: a default one may fetch http.
        return jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (ValueError, RecursionError) as problem:  # the library's errors are ValueErrors
        raise BadSchema(f"{tool!r}: {_short(json_flaw(problem))}") from None
    except Exception as problem:  # noqa: BLE001  # a panic in the library, or its own limits
        raise BadSchema(f"{tool!r}: {_short(problem)}") from None


_STRICT = json.JSONDecoder(parse_constant=reject_constant)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not retrieved")


def _parsed(arguments: str) -> Any:
    if "msgspec" in sys.modules:  # twice as fast, but its import takes 9 ms, more than one call saves
        import msgspec

        with contextlib.suppress(ValueError, RecursionError):  # `json` below gives the message
            return msgspec.json.decode(arguments)
    try:
        return _STRICT.decode(arguments)
    except RecursionError:
        raise BadArguments("they are nested too deeply") from None
    except ValueError as problem:
        raise BadArguments(f"they are not JSON: {json_flaw(problem)}") from None


def _reasons(validator: Any, document: Any) -> str:
    errors = list(itertools.islice(validator.iter_errors(document), MAX_ERRORS + 1))
    # One error of a schema such as `anyOf` can have the text of another.
    reasons = list(dict.fromkeys(map(_reason, errors))) or ["no reason given"]
    more = len(reasons) - MAX_NAMED
    rest = f"; and {more} more" if more > 0 else ""
    return "; ".join(reasons[:MAX_NAMED]) + (f"{rest} at least" if len(errors) > MAX_ERRORS else rest)


def _reason(error: Any) -> str:
    path = "".join(f"/{part}" for part in error.instance_path)
    return f"{path[:MAX_REASON] + ': ' if path else ''}{_short(error.message)}"


def _short(problem: object) -> str:
    lines = str(problem).strip().splitlines() or ["no message"]
    return lines[0] if len(lines[0]) <= MAX_REASON else f"{lines[0][:MAX_REASON]}…"
