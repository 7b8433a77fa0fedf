"""``tarkpm mcp export``: write an Agent Plugins 1.0.0 folder that starts this project's server.

Clients load such a folder as a plugin (https://agent-plugins.org; section numbers are those of its
specification). What it may do is decided here and not there: permissions, signatures and secrets are outside
that specification.
"""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tarkpm import __version__
from tarkpm.core.agent.clients import NAME
from tarkpm.errors import StoreError
from tarkpm.io.files import write_new
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.project.location import checked_place
from tarkpm.ops.project.settings import Settings

SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"
LAUNCHER = "bin/tarkpm"
_NAME = re.compile(r"[^a-z0-9]+")
MAX_NAME = 64


class ExportReport(msgspec.Struct, frozen=True):
    """The folder that was written, the name of the plugin in it, and its files."""

    folder: str
    name: str
    files: tuple[str, ...]


def export(settings: Settings, target: Path) -> ExportReport:
    """Write the folder, which must not exist or be empty. Raises `StoreError`, `ProjectError`."""
    location = checked_place(settings, create=True)
    in_project = location.environment.in_project
    folder = resolved(settings.cwd / expanded(target))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError("expected a new or empty folder", where=str(folder), hint=f"ls {folder}")
    name = _plugin_name(location.folder.name if in_project else "")
    # The specification allows a working directory only inside the folder, so the project is an argument.
    place = ["--project", str(location.folder)] if in_project else ["--user"]
    program = shutil.which("tarkpm", path=settings.search_path) or str(
        Path(sys.executable).with_name("tarkpm")
    )
    documents = {
        "plugin.json": {
            "$schema": f"{SCHEMAS}/plugin.schema.json",
            "name": name,
            "version": __version__,
            "description": "Tools of the WebAssembly plugins that tarkpm installed",
        },
        "mcp.json": {
            "$schema": f"{SCHEMAS}/mcp.schema.json",
            "mcpServers": {NAME: {"type": "stdio", "command": f"./{LAUNCHER}", "args": ["mcp", *place]}},
        },
    }
    texts = {
        file: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for file, document in documents.items()
    }
    # Section 7.2.1 allows a bare name or a path in the folder, and no absolute path. A client that was not
    # started in a shell may not find a bare name.
    texts[LAUNCHER] = f'#!/bin/sh\nexec {shlex.quote(str(settings.cwd / program))} "$@"\n'
    if not settings.dry_run:
        _write(folder, texts)
    return ExportReport(str(folder), name, tuple(texts))


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_new(file, text.encode(), 0o755 if name == LAUNCHER else 0o644)


def _plugin_name(project: str) -> str:
    """Return a name of at most `MAX_NAME` characters of a-z, 0-9 and single hyphens."""
    return "-".join(filter(None, (NAME, _NAME.sub("-", project.lower()).strip("-"))))[:MAX_NAME].rstrip("-")
