"""``[policy]`` in tark.toml: who signs the project's team policy, and the lowest version that counts.

::

    [policy]
    key = "ed25519:…"       # who signs policy.toml beside tark.toml
    version = 3             # an older policy.toml is refused, also a signed one

A pull request that drops the table, names another key or a lower version is a widening
(docs/trust-rules.md, rule 0).
"""

from typing import Any

import msgspec


class PolicyPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The signer of a project's team policy, and the lowest version of it that counts."""

    key: str
    version: int = 0

    @classmethod
    def read(cls, table: dict[str, Any] | None) -> "PolicyPin | None":
        """Read the table, None if there is none. Raises `ValueError` with the key."""
        from tarkpm.core.key import public_key
        from tarkpm.core.team_policy import version_number

        if table is None:
            return None
        if unknown := sorted(set(table) - {"key", "version"}):
            raise ValueError(f"'{unknown[0][:40]}' is not a known key, expected key or version")
        key, version = table.get("key"), table.get("version", 0)
        if not isinstance(key, str):
            raise ValueError("key: expected the key that signs policy.toml")
        if type(version) is not int:  # not isinstance: True is an int
            raise ValueError("version: expected an integer")
        return cls(public_key(key), version_number(version))

    def loosened(self, decided: "PolicyPin | None") -> str:
        """Return how ``decided`` asks for less than this accepted pin, as a sentence; "" if it does not."""
        if decided is None:
            return "apply no team policy of this project"
        if decided.key != self.key:
            return f"take this project's team policy from the key {decided.key}"
        if decided.version < self.version:
            return f"take version {decided.version} of this project's team policy"
        return ""

    def narrowed(self, decided: "PolicyPin | None") -> "PolicyPin":
        """Return the pin to remember for ``decided``, which was not accepted: never less than this one."""
        return self if decided is None or self.loosened(decided) else decided

    def __str__(self) -> str:
        return f"version {self.version} or later, signed by {self.key}"
