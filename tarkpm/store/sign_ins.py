"""Tokens that tarkpm keeps for plugins that are bound to their own sign-in, by the plugin's data folder.

They are kept as secrets are, and belong to a publisher, as stored data does: another publisher's plugin of
the same name has another folder (docs/trust-rules.md, rule 0).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import NotFound, StoreError
from tarkpm.io.files import make_private
from tarkpm.io.locks import exclusive
from tarkpm.store.secrets import SecretStore


class SignIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sign-in left. ``expires_at`` is in Unix seconds.

    ``client_id`` and ``token_url`` are those it was made with: a refresh token goes nowhere else.
    """

    access_token: str
    client_id: str
    token_url: str
    refresh_token: str = ""
    expires_at: int | None = None


class SignIns:
    """The sign-ins of the user whose state folder is ``root``."""

    def __init__(self, root: Path) -> None:
        self._secrets = SecretStore(root)

    def find(self, data: Path) -> SignIn | None:
        """Return the sign-in of the plugin whose data folder is ``data``; None if there is none."""
        try:
            return from_json(self._secrets.get(_key(data)).encode(), SignIn)
        except (NotFound, msgspec.DecodeError):
            return None
        except StoreError as problem:
            problem.hint = ""  # only a sign-in sets such a secret
            raise

    def keep(self, data: Path, sign_in: SignIn) -> None:
        """Keep a sign-in, in place of a former one. Raises `StoreError`."""
        self._secrets.set(_key(data), msgspec.json.encode(sign_in).decode())

    def forget(self, data: Path) -> None:
        """Delete a sign-in. Raises `StoreError`."""
        self._secrets.remove(_key(data))

    @contextmanager
    def refreshing(self, data: Path, holder: str, deadline_seconds: float) -> Iterator[None]:
        """Let one process at a time use a refresh token: many servers accept each only once."""
        folder = make_private(self._secrets.folder)
        with exclusive(folder / f"{_key(data)}.lock", holder, deadline_seconds):
            yield


def _key(data: Path) -> str:
    # `@` is in no name of a secret that a user can type.
    return f"oauth@{sha256(os.fsencode(data))}"
