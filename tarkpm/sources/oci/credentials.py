"""Find the login for a registry where docker and podman keep theirs. tarkpm stores none of its own.

The files, in this order: ``$REGISTRY_AUTH_FILE`` alone if it is set; ``$DOCKER_CONFIG/config.json``, else
``~/.docker/config.json``; ``$XDG_RUNTIME_DIR/containers/auth.json``; ``~/.config/containers/auth.json``
(docker-login(1), containers-auth.json(5)). In each, ``credHelpers`` come before ``credsStore``, and that
before ``auths``. Helpers are programs of the user's, ``docker-credential-NAME``, and are asked as docker asks
them.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.document import flaw
from tarkpm.core.shapes import from_json
from tarkpm.errors import Refused, TarkError
from tarkpm.io.files import read_file
from tarkpm.io.helper_program import ask
from tarkpm.io.login import Login
from tarkpm.io.paths import resolved
from tarkpm.io.programs import find_program

MAX_FILE: Final = 1 << 20
"""Size limit of a file of logins, in bytes."""
MAX_LOGIN: Final = 16 << 10
"""Length limit of a login, in characters. Those of clouds are whole signed documents."""
DOCKER_HUB: Final = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
"""What docker calls its own registry in its files, and to its helpers."""
_HELPER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_IDENTITY = "<token>"
"""The user name with which a helper says that the secret is an identity token."""


class Credential(msgspec.Struct, frozen=True):
    """A login, or an identity token that a token server exchanges for others. One of them is set."""

    login: Login | None = None
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credential(…)"


class FoundLogin(msgspec.Struct, frozen=True):
    """What the files say about a registry.

    ``problem`` is why a helper that they name gave no login, "" if none failed; ``where`` is the file.
    """

    credential: Credential | None = None
    problem: str = ""
    where: str = ""


class _Auth(msgspec.Struct):
    auth: str | None = ""
    identitytoken: str | None = ""
    username: str | None = ""
    password: str | None = ""


class _File(msgspec.Struct):
    auths: dict[str, _Auth | None] | None = None
    credsStore: str | None = ""  # noqa: N815  docker's name
    credHelpers: dict[str, str] | None = None  # noqa: N815


class _Answer(msgspec.Struct):
    Username: str = ""
    Secret: str = ""


def find(environment: Mapping[str, str], registry: str, repository: str) -> FoundLogin:
    """Return the login for a repository of ``registry``, which is its host with a port other than 443.

    Starts a helper program if a file names one. Raises `Refused` for a file that exists but cannot be used;
    no error quotes its contents.
    """
    last = FoundLogin()
    for path in _files(environment):
        found = _find_in(path, environment, registry, repository)
        if found.credential:
            return found
        last = found if found.problem else last
    return last


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
        return
    home = environment.get("HOME", "")
    if folder := environment.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json"
    elif home:
        yield Path(home) / ".docker" / "config.json"
    # A relative path is ignored (XDG Base Directory Specification): it would be a file of whoever made the
    # current folder, which may be a cloned project.
    runtime, config = (_absolute(environment, name) for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"))
    if runtime:
        yield Path(runtime) / "containers" / "auth.json"
    if config := config or (home and f"{home}/.config"):
        yield Path(config) / "containers" / "auth.json"


def _absolute(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    return value if value.startswith("/") else ""


def _find_in(path: Path, environment: Mapping[str, str], registry: str, repository: str) -> FoundLogin:
    file = _read(path)
    if file is None:
        return FoundLogin()
    keys = _keys(registry, repository)
    helpers = {_plain(key): name for key, name in (file.credHelpers or {}).items()}
    helper = next((helpers[key] for key in keys if key in helpers), "") or file.credsStore or ""
    asked = _ask(helper, registry, environment, str(path)) if helper else FoundLogin()
    if asked.credential:
        return asked
    auths = {_plain(key): auth for key, auth in (file.auths or {}).items() if auth}
    for key in keys:
        if (auth := auths.get(key)) and (credential := _credential(auth, str(path))):
            return FoundLogin(credential, where=str(path))
    return asked


def _keys(registry: str, repository: str) -> list[str]:
    """Return the keys of a repository, the most specific first, as containers-auth.json(5) has them."""
    parts = repository.split("/")
    keys = [f"{registry}/{'/'.join(parts[:count])}" for count in range(len(parts), 0, -1)] + [registry]
    return [*keys, "index.docker.io"] if registry == DOCKER_HUB else keys


def _plain(key: str) -> str:
    """Return a key without scheme and version: docker wrote URLs such as ``https://ghcr.io/v1/``."""
    key = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return re.sub(r"/v[12]$", "", key).removesuffix(":443")


def _read(path: Path) -> _File | None:
    try:
        return from_json(read_file(resolved(path), MAX_FILE), _File)  # a link is usual for dotfiles
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as problem:
        text = f"expected docker's file of logins: {flaw(problem)}"
        raise Refused(text, where=str(path)) from None
    except OSError as problem:
        text = f"the file cannot be read: {(problem.strerror or '').lower()}"
        raise Refused(text, where=str(path)) from None
    except TarkError as problem:
        raise Refused(problem.message, where=str(path)) from None


def _ask(helper: str, registry: str, environment: Mapping[str, str], where: str) -> FoundLogin:
    if not _HELPER.fullmatch(helper):
        # It would be part of a path: "../../bin/x" must not choose which program runs.
        raise Refused("expected the name of a credential helper", where=where)
    name = f"docker-credential-{helper}"
    program = find_program(name, environment.get("PATH", ""))
    if program is None:
        return FoundLogin(problem=f"'{name}' is not installed", where=where)
    key = _HUB_KEY if registry == DOCKER_HUB else registry
    try:
        output = ask([program, "get"], environment, key.encode(), {})
        answer = from_json(output, _Answer) if output else None
    except (OSError, msgspec.DecodeError):
        answer = None
    if answer is None or not answer.Secret:
        return FoundLogin(problem=f"'{name}' returned no login", where=where)
    found = _Auth(username=answer.Username, password=answer.Secret)
    if answer.Username == _IDENTITY:
        found = _Auth(identitytoken=answer.Secret)
    return FoundLogin(_credential(found, where), where=where)


def _credential(auth: _Auth, where: str) -> Credential | None:
    """Return the login of one entry; None if it is empty, as it is beside ``credsStore``."""
    user, password = auth.username or "", auth.password or ""
    if auth.auth:
        user, password = _decoded(auth.auth, where)
    # Any character is allowed, also a line break: Google's `_json_key` is a file. What is sent is encoded.
    if len(auth.identitytoken or "") + len(user) + len(password) > MAX_LOGIN:
        raise Refused(f"expected a login of at most {MAX_LOGIN:,} characters", where=where)
    if auth.identitytoken:
        return Credential(identity_token=auth.identitytoken)
    if user == _IDENTITY:
        return Credential(identity_token=password)
    return Credential(Login(user, password)) if user and password else None


def _decoded(text: str, where: str) -> tuple[str, str]:
    try:
        # docker pads some with NUL (its own decodeAuth drops them).
        pair = base64.b64decode(text, validate=True).decode().rstrip("\0")
    except (binascii.Error, ValueError):
        raise Refused("expected base64 as 'auth'", where=where) from None
    user, _, password = pair.partition(":")
    return user, password
