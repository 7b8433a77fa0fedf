"""The settings of the user's git that tarkpm honours: address rewrites, proxies and authorities.

``url.<base>.insteadOf``, and ``http.proxy``, ``http.sslCAInfo`` and ``http.sslCAPath``, also for one URL
(git-config(1)), from the system's and the user's files, what these include, and ``GIT_CONFIG_COUNT``. The
configuration of a repository is never read, because it comes with the repository. Settings that name a
program are ignored, and certificates are checked whatever ``http.sslVerify`` says.
"""

import io
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from tarkpm.errors import Refused

if TYPE_CHECKING:
    from dulwich.config import ConfigFile

MAX_FILE: Final = 1 << 20
"""Size limit of one file, in bytes."""
MAX_FILES: Final = 64
"""Limit of files read, with included ones. It also ends files that include each other."""

_PORTS = {"https": 443, "http": 80}


class Setting(msgspec.Struct, frozen=True):
    """The setting ``http.<scope>.<name>``; ``scope`` "" applies to every URL. A proxy may hold a password."""

    name: str
    value: str
    scope: str = ""

    def __repr__(self) -> str:
        return f"Setting({self.name!r}, …)"


class GitConfig(msgspec.Struct, frozen=True):
    """Settings in the order they were read: later ones take precedence."""

    rewrites: tuple[tuple[str, str], ...] = ()
    """Pairs of (prefix, replacement) from ``insteadOf``. A replacement may contain a login."""
    settings: tuple[Setting, ...] = ()

    def __repr__(self) -> str:
        return "GitConfig(…)"

    def instead_of(self, url: str) -> str:
        """Return ``url`` rewritten by the longest matching ``insteadOf`` (git-config(1))."""
        best = max((old for old, _ in self.rewrites if url.startswith(old)), key=len, default=None)
        new = next((new for old, new in self.rewrites if old == best), "")
        return url if best is None else new + url[len(best) :]

    def http(self, name: str, url: str) -> str | None:
        """Return the value of ``http.<name>`` that git would use for ``url``; None if there is none.

        The most specific scope wins, and of equal ones the last (git-config(1), http.<url>.*).
        """
        found: tuple[tuple[int, ...], str | None] = ((-1,), None)
        for setting in self.settings:
            rank = _rank(setting.scope, url) if setting.name == name else None
            if rank is not None and rank >= found[0]:
                found = rank, setting.value
        return found[1]


def read(environment: Mapping[str, str]) -> GitConfig:
    """Read the settings that apply in this environment. dulwich is imported only if there are any.

    Raises `Refused` for a file that exists but cannot be used. No error quotes contents of a file.
    """
    files = [path for path in _files(environment) if path.is_file()]
    if not files and not environment.get("GIT_CONFIG_COUNT"):
        return GitConfig()
    opened: list[str] = []
    # In the order of `_files`: later settings take precedence over earlier ones, as in git.
    configs = [_parsed(path, opened) for path in files]
    if environment.get("GIT_CONFIG_COUNT"):
        configs.append(_given(environment))
    home = environment.get("HOME", "")
    rewrites = tuple(rewrite for config in configs for rewrite in _rewrites(config))
    settings = tuple(setting for config in configs for setting in _settings(config, home))
    return GitConfig(rewrites, settings)


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files git reads, lowest precedence first (git-config(1), FILES)."""
    off = environment.get("GIT_CONFIG_NOSYSTEM", "").lower() not in ("", "0", "false", "no", "off")
    if named := environment.get("GIT_CONFIG_SYSTEM"):
        yield Path(named)
    elif not off:
        yield Path("/etc/gitconfig")
    home = environment.get("HOME")
    if "GIT_CONFIG_GLOBAL" in environment:
        # Set but empty means "no user configuration", as in git.
        yield Path(environment["GIT_CONFIG_GLOBAL"] or "/dev/null")
        return
    config = environment.get("XDG_CONFIG_HOME", "")
    # A relative path is ignored (XDG Base Directory Specification): it could lead into any checkout.
    folder = config if config.startswith("/") else home and f"{home}/.config"
    if folder:
        yield Path(folder) / "git" / "config"
    if home:
        yield Path(home) / ".gitconfig"


def _parsed(path: Path, opened: list[str]) -> "ConfigFile":
    from dulwich.config import ConfigFile

    # dulwich opens included files itself, so every one is bounded here.
    def open_bounded(name: object) -> io.BytesIO:
        opened.append(str(name))
        if len(opened) > MAX_FILES:
            raise Refused(f"git's settings are in more than {MAX_FILES} files", where=str(path))
        return io.BytesIO(_bytes(Path(str(name))))

    try:
        return ConfigFile.from_path(path, file_opener=open_bounded)
    except (ValueError, KeyError, RecursionError):
        # The parser's message is not quoted: it may contain a token (docs/trust-rules.md, rule 11).
        where = opened[-1] if opened else str(path)
        hint = "git config --list --show-origin"
        raise Refused("expected a git configuration file", where=where, hint=hint) from None
    except OSError as problem:
        raise Refused(
            f"git's configuration cannot be read: {(problem.strerror or '').lower()}", where=str(path)
        ) from None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        # git accepts /dev/null as an empty file. A pipe must not block.
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Refused(f"the file has more than {MAX_FILE:,} bytes", where=str(path))
    return data


def _given(environment: Mapping[str, str]) -> "ConfigFile":
    from dulwich.config import ConfigFile, env_config

    try:
        return env_config(environment) or ConfigFile()
    except (ValueError, KeyError):
        raise Refused("expected pairs of git settings", where="GIT_CONFIG_COUNT") from None


def _rewrites(config: "ConfigFile") -> Iterator[tuple[str, str]]:
    for section in config.sections():
        if len(section) == 2 and section[0].lower() == b"url":
            for name, value in config.items(section):
                if name.lower() == b"insteadof" and value:
                    yield _text(value), _text(section[1])


def _settings(config: "ConfigFile", home: str) -> Iterator[Setting]:
    for section in config.sections():
        if section[0].lower() == b"http":
            scope = _text(section[1]) if len(section) == 2 else ""
            for name, value in config.items(section):
                text = _text(value)
                match name.lower():
                    case b"proxy":
                        yield Setting("proxy", text, scope)
                    case b"sslcainfo" | b"sslcapath" as path:
                        where = home + text[1:] if text.startswith("~/") else text
                        yield Setting(path.decode(), where, scope)


def _rank(scope: str, url: str) -> tuple[int, ...] | None:
    """Return how specifically ``scope`` matches ``url``, to compare; None if it does not match.

    The order is that of git-config(1), http.<url>.*: host, then path. ``*`` matches one label of a host.
    """
    if not scope:
        return (0,)
    try:
        wanted, asked = urlsplit(scope), urlsplit(url)
        ports = [part.port or _PORTS.get(part.scheme) for part in (wanted, asked)]
    except ValueError:
        return None
    pattern, host = (wanted.hostname or "").split("."), (asked.hostname or "").split(".")
    prefix = wanted.path.rstrip("/")
    if wanted.scheme != asked.scheme or ports[0] != ports[1] or len(pattern) != len(host):
        return None
    if any(label not in ("*", given) for label, given in zip(pattern, host, strict=True)):
        return None
    if not f"{asked.path}/".startswith(f"{prefix}/"):
        return None
    exact = sum(label != "*" for label in pattern)
    return (1, exact, len(prefix))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
