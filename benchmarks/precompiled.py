"""A bundle with compiled code of an 18 MB Python plugin, on new machines that list its maker or do not."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import guests
from support.compiled_bundle import HERE, configure
from support.sandbox import Sandbox

from benchmarks.coldsync import index_project
from benchmarks.figure import Figure, Race, Side
from benchmarks.indexes import generate_real
from benchmarks.setup import put_away, python_module, tarkpm, user
from benchmarks.web import web_server

BUNDLE = "plugins.tar"


def _new(machine: Sandbox, *makers: str) -> Side:
    """The first sync of a machine, and the first call after it."""
    sync = tarkpm(machine, "sync", "--bundle", BUNDLE, "--accept-project")
    call = tarkpm(machine, "call", "interpreter", "text-stats", '{"text":"one two"}')
    script = 'program=$1; shift; "$program" sync --bundle plugins.tar --accept-project && "$program" "$@"'
    command = ["/bin/sh", "-c", script, "sh", *call.command]

    def forget() -> None:
        for folder in (machine.home, machine.cwd / ".tark"):
            put_away(folder, machine.root)
        machine.home.mkdir()
        if makers:
            configure(machine, *makers)

    return Side(command, sync.cwd, sync.env, forget)


@contextmanager
def _precompiled(folder: Path) -> Iterator[Race]:
    keeper = generate_real(folder, ["interpreter"], [python_module()])
    with web_server(keeper.folder) as site:
        person = user(folder / "user")
        index_project(person, site.base, keeper.root, ["interpreter"])
        maker = person.key("builder")
        tarkpm(person, "bundle", "create", "-o", BUNDLE, "--compiled", HERE, "--key", "builder").run()
    sides = []
    for name, makers in (("lists", (maker,)), ("none", ())):
        machine = user(folder / name)
        for file in ("tark.toml", "tark.lock", BUNDLE):
            shutil.copy(person.cwd / file, machine.cwd)
        sides.append(_new(machine, *makers))
    yield Race(*sides)


FIGURES = [
    Figure(
        "bundle-compiled",
        "sync --bundle with code, Python, and call",
        "the same, compiled here",
        0.4,
        5,
        _precompiled,
        3,
        at_hand=lambda: guests.is_built_py("tool"),
    ),
]
