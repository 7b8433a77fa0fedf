"""The secrets that tarkpm adds to a plugin's requests. The plugin, and its worker process, never hold them.

A secret goes to exactly the host that the plugin declared and the user bound it to, over TLS, and only while
a call has not left that host. It is read for each request that needs it. What comes back from any host is
masked, from the first request on.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.masking import Mask
from tarkpm.core.secret import Secret, confidential
from tarkpm.core.urls import RequestTarget
from tarkpm.errors import Refused, TarkError
from tarkpm.host.imports import headers as rules

ReadSecret = Callable[[str], str]
"""Return the value of one of the user's secrets, by its name. Raises `TarkError` if there is none."""

KnownSecret = Callable[[str], str | None]
"""Return the value of one of the user's secrets without asking a server for it; None if there is none."""

_UNAUTHORIZED: Final = frozenset({401, 403})


class Secrets:
    """The secrets of one plugin. ``report`` is called with what to do about one that is missing.

    ``unbound`` are those that the plugin ``name`` declares and that the user bound to none of theirs.
    ``lacked`` counts the requests that a host refused and that would have carried one of those.
    """

    def __init__(
        self,
        granted: CapabilitySet,
        read: ReadSecret | None,
        report: Callable[[str], None],
        name: str = "",
        unbound: Sequence[Secret] = (),
        known: KnownSecret = lambda _: None,
    ) -> None:
        self._bound: Sequence[Secret] = [one for one in granted.secrets() if one.is_bound] if read else ()
        self._unbound = unbound
        self._read, self._report, self._name, self._known = read, report, name, known
        self._is_used = False
        self._told: set[str] = set()
        self.lacked: Counter[Capability] = Counter()
        self.mask = Mask()

    def headers(self, target: RequestTarget, given: rules.Pairs) -> list[tuple[str, str]]:
        """Return the headers to add to a request, whose own headers are ``given``, names in lower case.

        Raises `Refused` if the plugin sets one of them itself, or the secret cannot be read.
        """
        if not self._is_used:
            self._is_used = True
            self._mask_known()
        # Encrypted, and this exact host and port: a name below it, or another port, is another server.
        bound = [one for one in self._bound if target.scheme == "https" and one.host == target.scope]
        for one in bound:
            # Servers that make variables of headers take `_` for `-` (RFC 3875, section 4.1.18).
            if any(name.replace("_", "-") == one.header.replace("_", "-") for name, _ in given):
                raise Refused(f"the header '{one.header}' is set by tarkpm", where=target.origin)
        return [(one.header, one.format.replace("{}", self._value(one))) for one in bound]

    def known(self) -> Mask:
        """Return the mask of the secrets that are known without asking a server for them."""
        self._mask_known()
        return self.mask

    def _mask_known(self) -> None:
        # An earlier process of the plugin may have sent them, to a server that tells another one.
        for one in self._bound:
            if value := self._known(one.name):
                self._mask(one, value)

    def _mask(self, secret: Secret, value: str) -> None:
        for text in confidential(secret, value):
            self.mask.add(text)

    def _value(self, secret: Secret) -> str:
        assert self._read is not None
        try:
            value = self._read(secret.name)
        except TarkError as problem:
            hint = f" ({problem.hint})" if problem.hint else ""
            self._tell(f"needs the secret '{secret.id}': {problem.message}{hint}")
            # Which of the user's secrets it is bound to is not the plugin's business.
            raise Refused(f"the secret '{secret.id}' is not available", where=secret.host) from None
        # Masked before it is sent: nothing that comes back may pass unmasked.
        self._mask(secret, value)
        return value

    def answered(self, target: RequestTarget, status: int) -> None:
        """Note that a host refused a request for which the user could bind a secret."""
        for one in self._unbound if status in _UNAUTHORIZED and target.scheme == "https" else ():
            if one.host == target.scope:
                self.lacked[Capability("secret", str(one))] += 1
                how = f"bind one of yours: tarkpm grant {self._name} secret:{one.id}=NAME"
                self._tell(f"has no secret '{one.id}' for {one.host}, which answered {status}; {how}")

    def message(self, problem: TarkError) -> str:
        """Return an error's message without what it repeats of a server, once a secret was read.

        Such words are cut at a length, and a part of a secret has no spelling that could be masked. Masking
        parts would answer a plugin that guesses one character after another.
        """
        return problem.bare if self.mask else problem.message

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._report(message)


NO_SECRETS: Final = Secrets(CapabilitySet(), None, lambda _: None)
"""For plugins that have none."""
