"""Secrets that tarkpm adds to a plugin's requests: what a plugin declares, and what the user binds to it.

A plugin declares in ``[secrets.ID]`` to which host a secret is sent, and how. The user binds it to one of
their secrets by name. Both are capabilities of the kind ``secret``, and all of the declaration is part of
them: a release that sends the secret to another host, or in another header, needs consent again
(docs/trust-rules.md, rule 0).
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from tarkpm.core.headers import NAME, is_framing
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import short

MAX_DECLARED: Final = 8
MAX_FORMAT: Final = 64
MAX_HEADER: Final = 64
MIN_LENGTH: Final = 8
"""Characters of a secret. A shorter one occurs in ordinary text, so what comes back could not be masked."""
MAX_VALUE: Final = 4096
GUESSABLE: Final = 16
"""Characters from which a value is not guessed, if a program made it."""
SIGN_IN: Final = "oauth:"
"""Prefix of a name that stands for the tokens of a plugin's sign-in, and not for a secret the user set."""

_ID: Final = r"[a-z][a-z0-9_-]{0,31}"
_NAME: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
_BOUND: Final = rf"(?:{SIGN_IN})?{_NAME}"
# No quote: a card puts this text in quotation marks, which it must not be able to end.
_FORMAT: Final = r"[A-Za-z0-9!#$%&'*+./:=@^_`|~{} -]+"
_TEXT: Final = lazy_pattern(
    rf"(?P<id>{_ID})(?:=(?P<name>{_BOUND}))?"
    rf"(?: to (?P<host>[^ ]+) as (?P<header>[^ :]+): (?P<format>{_FORMAT}))?"
)

_TAKEN: Final = frozenset(
    {"cookie", "cookie2", "forwarded", "from", "origin", "range", "referer", "set-cookie", "user-agent"}
)
_TAKEN_PREFIXES: Final = ("accept", "access-control-", "content-", "if-", "sec-", "x-forwarded-")
"""Headers with another meaning: servers log or publish some, and others change how a response is encoded."""


class Secret(msgspec.Struct, frozen=True):
    """A secret of a plugin, bound to one of the user's, or not yet.

    ``id`` is the plugin's name for it and ``name`` the user's; ``host`` has a port unless it is 443,
    ``header`` is in lower case, and ``format`` contains ``{}`` where the value goes. An empty ``name`` allows
    any, and an empty ``host`` any host, header and format: this is how a user types ``token=github``.
    """

    id: str
    name: str = ""
    host: str = ""
    header: str = ""
    format: str = ""

    @classmethod
    def parse(cls, text: str) -> "Secret":
        """Read ``token``, ``token=github`` or either with ``to HOST as HEADER: FORMAT``.

        Raises `ValueError` with what was expected.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"expected ID=NAME, or ID=NAME to HOST as HEADER: FORMAT, found {short(text)}")
        name = found["name"] or ""
        if not found["host"]:
            return cls(found["id"], name)
        return msgspec.structs.replace(
            _declared(found["id"], found["host"], found["header"], found["format"]), name=name
        )

    @property
    def is_bound(self) -> bool:
        """Return whether it says which of the user's secrets is sent, and where."""
        return bool(self.name and self.host)

    @property
    def place(self) -> tuple[str, str, str]:
        """Return the host, the header and the format."""
        return self.host, self.header, self.format

    def meet(self, other: "Secret") -> "Secret | None":
        """Return the secret that both allow, or None."""
        same_name = not (self.name and other.name) or self.name == other.name
        same_place = not (self.host and other.host) or self.place == other.place
        if self.id != other.id or not same_name or not same_place:
            return None
        return Secret(self.id, self.name or other.name, *(self if self.host else other).place)

    def __str__(self) -> str:
        bound = f"{self.id}={self.name}" if self.name else self.id
        return bound + (f" to {self.host} as {self.header}: {self.format}" if self.host else "")


class SecretError(ValueError):
    """A key of a ``[secrets.ID]`` table is invalid."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class SecretTable(msgspec.Struct, forbid_unknown_fields=True):
    """``[secrets.ID]`` as written. An unknown key could mean a restriction, so it is refused."""

    host: str
    header: str
    format: str = "{}"


def read(tables: Mapping[str, SecretTable]) -> tuple[Secret, ...]:
    """Check the ``[secrets]`` of a plugin.toml. Raises `SecretError` with the key."""
    if len(tables) > MAX_DECLARED:
        raise SecretError("", f"expected at most {MAX_DECLARED} secrets, found {len(tables)}")
    found: dict[tuple[str, str], Secret] = {}
    for name, table in tables.items():
        try:
            one = _declared(name, table.host, table.header, table.format)
        except SecretError as problem:
            raise SecretError(f"{name[:40]}.{problem.key}".rstrip("."), str(problem)) from None
        # Two values for one header of one request: it would depend on the order which one is sent.
        if other := found.get((one.host, one.header)):
            raise SecretError(name, f"'{other.id}' also sets '{one.header}' for {one.host}")
        found[one.host, one.header] = one
    return tuple(sorted(found.values(), key=str))


def _declared(id_: str, host: str, header: str, format_: str) -> Secret:
    from tarkpm.core.scope import normalize_scope

    if not re.fullmatch(_ID, id_):
        raise SecretError("", f"expected a name like token, found {short(id_)}")
    try:
        # As for a sign-in: one host, no pattern, and no `private:`, which only says how a name may resolve.
        place = normalize_scope("oauth", host)
    except ValueError as problem:
        raise SecretError("host", str(problem)) from None
    return Secret(id_, "", place, _header(header), _format(format_))


def _header(text: str) -> str:
    name = text.lower()
    if not NAME.fullmatch(name) or len(name) > MAX_HEADER:
        raise SecretError("header", f"expected a header name like authorization, found {short(text)}")
    if is_framing(name) or name in _TAKEN or name.startswith(_TAKEN_PREFIXES):
        raise SecretError("header", f"the header '{name}' cannot carry a secret")
    return name


def _format(text: str) -> str:
    fits = re.fullmatch(_FORMAT, text) and len(text) <= MAX_FORMAT and text.strip() == text
    if not fits or text.count("{}") != 1 or set("{}") & set(text.replace("{}", "")):
        raise SecretError("format", f"expected one '{{}}' as in 'Bearer {{}}', found {short(text)}")
    return text


def secret_name(text: str) -> str:
    """Check the name of one of the user's secrets and return it in lower case. Raises `ValueError`.

    The text is not repeated in the error: the user may have typed the secret itself.
    """
    name = text.lower() if text.isascii() else text
    if not re.fullmatch(_NAME, name):
        raise ValueError("expected a name of at most 64 letters, digits, '.', '_' and '-'")
    return name


def meet(one: str, other: str) -> str | None:
    """Return the scope that both scopes of the kind ``secret`` allow, or None."""
    met = Secret.parse(one).meet(Secret.parse(other))
    return None if met is None else str(met)


def is_guessable(value: str) -> bool:
    """Return whether a list of likely values may contain it.

    Masking tells a plugin whether a text it had a server repeat is the secret, for millions of texts.
    """
    return len(value) < GUESSABLE


def confidential(secret: Secret, value: str) -> tuple[str, ...]:
    """Return the texts that must not come back: the value, and the password that it encodes (RFC 7617, 2)."""
    if not secret.format.lower().startswith("basic "):
        return (value,)
    import base64  # most commands do without it

    try:
        _, _, password = base64.b64decode(value, validate=True).decode("ascii").partition(":")
        return (value, secret_value(password))
    except ValueError:  # not of that form, or nothing that could be masked
        return (value,)


def secret_value(text: str) -> str:
    """Check the value of a secret, which must fit into a header. Raises `ValueError` that repeats nothing."""
    if not MIN_LENGTH <= len(text) <= MAX_VALUE:
        # A longer value was not read to its end, so its length is not known.
        found = f"{len(text):,}" if len(text) <= MAX_VALUE else f"more than {MAX_VALUE:,}"
        raise ValueError(f"expected {MIN_LENGTH} to {MAX_VALUE:,} characters, found {found}")
    # RFC 9110, section 5.5: anything else may end the header, or be read differently by the server.
    if not (text.isascii() and text.isprintable()) or text.strip() != text:
        raise ValueError("expected printable ASCII on one line, without blanks at the ends")
    return text
