"""``tarkpm index site``: static pages of an index."""

import gc
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm import __version__
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.digest import sha256
from tarkpm.core.layout import METADATA
from tarkpm.core.release import PluginName
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.shapes import from_json
from tarkpm.core.tool import ToolDef
from tarkpm.errors import HostError, NotFound, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.io.extras import install_command
from tarkpm.io.files import keep, read_optional
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.status import status_of_pending

if TYPE_CHECKING:  # it needs the extra
    from tarkpm.registry.site.gather import AskTools

REQUIREMENTS: Final = {"jinja2": "jinja2>=3.1.6,<4", "markdown_it": "markdown-it-py>=3,<5"}
"""The extra ``site`` of pyproject.toml, by module."""
MAX_KEPT: Final = 64 * 1024 * 1024
"""Bytes of one plugin's tools in the cache."""


class SiteProblem(msgspec.Struct, frozen=True):
    """Why a plugin is not on the pages, or not completely."""

    name: str
    message: str


class SiteReport(msgspec.Struct, frozen=True):
    """What happened to the files of the pages in ``folder``."""

    folder: str
    plugins: int
    written: int
    unchanged: int
    removed: int
    problems: tuple[SiteProblem, ...] = ()


def site(desk: Desk, to: Path, *, url: str = "", index_url: str = "", tools: bool = False) -> SiteReport:
    """Write the pages of the index in the desk's folder to ``to``; what is unchanged is not written again.

    ``url`` and ``index_url`` say where the pages and the index will be served. With ``tools``, modules of
    tool plugins run without any capability, to list their tools. Raises `NotFound` if there is no index,
    `IndexUntrusted`, `Refused` for a folder that has other files, and `HostError` if the extra is not
    installed.
    """
    _require_extra()
    from tarkpm.registry.site.build import SiteBuild
    from tarkpm.registry.site.lists import PendingLine
    from tarkpm.registry.site.output import Output
    from tarkpm.registry.site.pages import Options

    if not (desk.folder / METADATA).is_dir():
        raise NotFound(
            "the folder does not contain an index",
            where=str(desk.folder),
            hint="see how to create one: tarkpm index create --help",
        )
    gc.enable()  # disabled for a fast start, but ten thousand pages take a minute
    index, folder = desk.open(), resolved(desk.settings.cwd / expanded(to))
    pending = [
        PendingLine(
            Path(one.file).name, one.title, tuple(key.key for key in one.signed_by), one.missing, one.problem
        )
        for one in status_of_pending(desk, index)
    ]
    # Beside the other caches, not among the pages: it is as big as all of them are for search.
    memory = desk.settings.paths.cache / "site" / f"{sha256(str(folder).encode())}.json"
    build = SiteBuild(
        index,
        Output(folder),
        memory,
        Options(url, index_url, tools),
        version=__version__,
        ask_tools=_asker(desk) if tools else None,
    )
    done = build.run(pending)
    problems = tuple(SiteProblem(*one) for one in done.problems)
    return SiteReport(str(folder), done.plugins, done.written, done.unchanged, done.removed, problems)


def _asker(desk: Desk) -> "AskTools":
    """Return what lists the tools of a release. It runs with nothing granted, and once per release."""
    from tarkpm.ops.run.images import Images, open_host

    cache = desk.settings.paths.cache / "site"

    def ask(name: PluginName, row: ReleaseRow, module: bytes) -> Sequence[ToolDef]:
        file = cache / "tools" / f"{row.statement.sha256}.json"
        with suppress(TarkError, ValueError, msgspec.MsgspecError):
            if data := read_optional(file, MAX_KEPT):
                return from_json(data, list[ToolDef])
        image = PluginImage(name, row.type, module, CapabilitySet(), cache / "data", sha256=sha256(module))
        with open_host(desk.settings, Images({name: image}, cache), log=None) as host:
            tools = host.tools(image)
        keep(file, msgspec.json.encode(tools), mode=0o600)
        return tools

    return ask


def _require_extra() -> None:
    if missing := [package for name, package in REQUIREMENTS.items() if find_spec(name) is None]:
        text = f"the pages of an index need {' and '.join(missing)}, which is not installed"
        raise HostError(text, where=sys.prefix, hint=install_command(Path(sys.prefix), *missing))
