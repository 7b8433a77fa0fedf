"""Two to eight commands at once on one project or index, one of which is killed at a call that writes.

``python -m assurance.faults.crowd FOLDER SCENE ROUNDS`` prints a line of JSON for each round.
"""

import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from support import forking
from support.sandbox import Result

from assurance.faults.injector import KILL
from assurance.faults.project_scenes import ProjectScene
from assurance.faults.publisher_scenes import IndexScene
from assurance.faults.scene import Scene
from assurance.faults.trials import Stage, Trial, unclean
from tarkpm.core.lockfile import parse

KIND: Final = "killed beside one to seven other commands"
SIZES: Final = range(2, 9)
WITHOUT_EFFECT: Final = frozenset({"sync", "verify", "refresh"})
_BUSY: Final = 6
"""The exit status of a command that waited for another one for too long."""

Asked = tuple[str, tuple[str | Path, ...]]


class Crowd(Scene):
    """A scene with several commands, each with an effect of its own that the others do not touch."""

    commands: Mapping[str, tuple[str | Path, ...]]
    calls = 0
    """How many calls of a command are tried: most commands make that many."""

    def effects(self) -> set[str]:
        """Which commands have taken effect."""
        raise NotImplementedError


class ProjectCrowd(Crowd, ProjectScene):
    """Changes of one project."""

    name = "project"
    calls = 80

    def prepare(self) -> None:
        """Add a third plugin, so that there are more changes than two."""
        super().prepare()
        self.release("delta", "1.0.0")
        self.command = ("sync",)
        self.commands = {
            "update": ("update", "alpha"),
            "remove": ("remove", "beta"),
            "add": self.adding("gamma"),
            "add another": self.adding("delta"),
            "sync": ("sync",),
            "verify": ("verify",),
        }

    def effects(self) -> set[str]:
        """Read them from the lock; `sync` and `verify` have none."""
        lock = parse((self.sandbox.cwd / "tark.lock").read_bytes())
        versions = {str(entry.name): str(entry.version) for entry in lock.entries}
        found = {
            "update": versions.get("alpha") == "1.1.0",
            "remove": "beta" not in versions,
            "add": "gamma" in versions,
            "add another": "delta" in versions,
        }
        installed = {folder.name for folder in self.sandbox.plugins.iterdir()}
        if installed != set(versions):
            raise ValueError(f"installed are {sorted(installed)}, locked are {sorted(versions)}")
        return {name for name, there in found.items() if there}


class IndexCrowd(Crowd, IndexScene):
    """Maintainers' commands in one index."""

    name = "index"
    calls = 35

    def prepare(self) -> None:
        """Make releases and a second publisher."""
        super().prepare()
        self.command = ("index", "refresh")
        releases = [self.index.release(version) for version in ("1.1.0", "1.2.0")]
        key = self.index.key("pat")
        both = ("--key", "alice", "--key", "bob")
        self.commands = {
            "accept": ("index", "accept", releases[0]),
            "accept another": ("index", "accept", releases[1]),
            "claim": ("index", "claim", "json-core", "--publisher", key, *both),
            "yank": ("index", "yank", "text-tools@1.0.0", "--reason", "loses notes"),
            "refresh": ("index", "refresh"),
        }

    def effects(self) -> set[str]:
        """Read them as a client does."""
        index = self.index.open()
        listing = index.listing("text-tools")  # type: ignore[arg-type]
        rows = {str(row.version): row for row in listing.rows}
        found = {
            "accept": "1.1.0" in rows,
            "accept another": "1.2.0" in rows,
            "claim": index.claim("json-core") is not None,  # type: ignore[arg-type]
            "yank": bool(rows["1.0.0"].yanked),
        }
        return {name for name, there in found.items() if there}


CROWDS: Final[Mapping[str, Callable[[Path], Crowd]]] = {"project": ProjectCrowd, "index": IndexCrowd}


def rounds(folder: Path, name: str, count: int) -> Iterator[Trial]:
    """Yield what came of each round."""
    forking.preload()
    stage = Stage(folder, CROWDS[name])
    scene = stage.scene
    assert isinstance(scene, Crowd)
    chance = random.Random(name)
    for number in range(count):
        stage.restore()
        size = SIZES[number % len(SIZES)]
        killed = chance.choice(sorted(scene.commands.keys() - WITHOUT_EFFECT))
        names = [killed, *chance.choices(list(scene.commands), k=size - 1)]
        asked = [(each, scene.commands[each]) for each in names]
        when = chance.randint(1, scene.calls)
        ended = _at_once(stage, asked, when)
        problem = _judge(stage, scene, names, ended)
        yield Trial(f"{name}, at once", KIND, when, stage.watch.call, ended[0].status, problem)


def _at_once(stage: Stage, asked: Sequence[Asked], when: int) -> list[Result]:
    """Start all of them, the first with a fault, and wait for their ends."""
    stage.watch.clear()
    children = []
    for number, (_, words) in enumerate(asked):
        out, err = (stage.folder / f"{number}.{name}" for name in ("out", "err"))
        for file in (out, err):
            file.write_bytes(b"")
        about = stage.about(words, out, err)
        child = forking.begin(about)
        if child == 0:
            if number == 0:
                stage.watch.arm(KILL, when)
            os._exit(forking.run(about))
        children.append((child, out, err))
    return [
        Result(
            os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
            out.read_text(errors="replace"),
            err.read_text(errors="replace"),
        )
        for child, out, err in children
    ]


def _judge(stage: Stage, scene: Crowd, names: Sequence[str], ended: Sequence[Result]) -> str:
    """Return what is wrong, or "": each effect is there if and only if a command says so, or was killed."""
    for result in ended[1:]:
        if result.status < 0 or (problem := unclean(result)):
            return f"{names}: {result}"
    if problem := scene.settle(stage.run):
        return f"{names}: {problem}"
    try:
        effects = scene.effects()
    except Exception as problem:  # noqa: BLE001  whatever stops a reader is what did not hold
        return f"{names}: {problem!r}"
    done = {name for name, result in zip(names, ended, strict=True) if result.status == 0}
    unsure = {names[0]} if ended[0].status < 0 else set[str]()
    visible = done - WITHOUT_EFFECT
    if missing := visible - effects:
        return f"{names}: {missing} succeeded and had no effect"
    if extra := effects - visible - unsure:
        said = [result for name, result in zip(names, ended, strict=True) if name in extra]
        return f"{names}: {extra} failed and had an effect: {said}"
    failed = {result.status for result in ended if result.status > 0}
    if not failed <= {2, _BUSY}:
        return f"{names}: {ended}"
    kept: Any = scene.kept()
    return "" if kept == stage.kept else f"{names}: what must stay was touched"


def main(arguments: list[str]) -> int:
    """Print a line for each round."""
    folder, name, count = arguments
    for trial in rounds(Path(folder), name, int(count)):
        sys.stdout.write(json.dumps(msgspec.to_builtins(trial)) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
