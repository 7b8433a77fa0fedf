"""Fetching from git: bytes, round trips, memory. A server is near, on loopback, or far, 80 ms away."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from support.gitrepo import GitRepo, git, git_env, make_junk
from support.measured import MIB, run_measured
from support.sandbox import Sandbox

from benchmarks.figure import Amount, Figure, Race, Side
from benchmarks.relay import Relay, relay
from benchmarks.serve import git_server
from benchmarks.setup import TAG, TARK, padded, plugin_names, project, publish, put_away, tarkpm, user

FAR = 0.08
MANY = 20
SIZE = 12 * 1024
JUNK_MB = 30
NAMES = plugin_names(MANY)
LARGE, SMALL = plugin_names(4_000), plugin_names(1_000)


def _publish(folder: Path, repositories: dict[str, Sequence[str]], megabytes: int = 0) -> str:
    """Serve repositories of these signed plugins, a folder each; returns the key."""
    publisher = Sandbox(folder / "publisher")
    key = publisher.key()
    for repository, names in repositories.items():
        repo = GitRepo(folder / "work")
        repo.git("config", "core.bigFileThreshold", "64k")
        for name in names:
            publisher.plugin(
                folder / "work" / name, name=name, wasm=padded(SIZE, NAMES.index(name)), sign="release"
            )
        repo.git("add", "--all")
        if megabytes:
            make_junk(repo, megabytes)
        repo.commit("plugins")
        repo.tag(TAG)
        bare = repo.publish(folder / "served", repository)
        # As hosts do, and git for a push of a hundred objects: else every fetch has it search for deltas.
        git(bare, "repack", "-a", "-d", "--quiet")
        put_away(folder / "work", folder)
    return key


def _locked(folder: Path, base: str, places: dict[str, str], key: str) -> Sandbox:
    """Somebody with a locked project of these plugins (name: repository), and nothing installed or stored."""
    person = user(folder)
    lines = [
        "[plugins]",
        *(f'{n} = {{ git = "{base}/{r}.git", tag = "{TAG}", path = "{n}" }}' for n, r in places.items()),
        "[trust]",
        *(f'{name} = ["{key}"]' for name in places),
        "[grants]",
        *(f"{name} = {{ storage = true }}" for name in places),
    ]
    (person.cwd / "tark.toml").write_text(f'[tark]\nversion = "{TARK}"\n' + "\n".join(lines) + "\n")
    tarkpm(person, "lock", "--accept-project", "--accept-capabilities").run()
    return person


def _forget(person: Sandbox) -> None:
    """Have nothing installed and nothing stored."""
    for folder in (person.store, *person.plugins.glob("*")):
        put_away(folder, person.root)


def _syncing(person: Sandbox) -> Side:
    side = tarkpm(person, "sync")
    return Side(side.command, side.cwd, side.env, lambda: _forget(person))


@contextmanager
def _served(folder: Path, away: float) -> Iterator[Relay]:
    with git_server(folder / "served") as base, relay(base, away) as far:
        yield far


@contextmanager
def _folders(away: float, folder: Path) -> Iterator[Race]:
    key = _publish(folder, {"all": NAMES})
    with _served(folder, away) as far:
        many = _locked(folder / "many", far.base, dict.fromkeys(NAMES, "all"), key)
        one = _locked(folder / "one", far.base, {NAMES[0]: "all"}, key)
        yield Race(_syncing(many), _syncing(one))


def _locking(person: Sandbox) -> Side:
    """A lock of a project that has no tark.lock yet."""
    side = tarkpm(person, "lock", "--accept-project", "--accept-capabilities")
    return Side(side.command, side.cwd, side.env, lambda: put_away(person.cwd / "tark.lock", person.root))


@contextmanager
def _growth(verb: Callable[[Sandbox], Side], folder: Path) -> Iterator[Race]:
    """A repository of many plugins, and one of a quarter as many: all folders of each."""
    sides = []
    for names in (LARGE, SMALL):
        plugins, person = folder / f"plugins-{len(names)}", user(folder / f"user-{len(names)}")
        key = publish(Sandbox(folder / f"publisher-{len(names)}"), plugins, ((name, 1) for name in names))
        project(person, plugins, names, key)
        sides.append(verb(person))
    yield Race(*sides)


def _repositories(folder: Path, quick: bool) -> list[float]:
    """Seconds of a sync of twenty repositories that are far away."""
    key = _publish(folder, {name: [name] for name in NAMES})
    with _served(folder, FAR) as far:
        sync = _syncing(_locked(folder / "user", far.base, {name: name for name in NAMES}, key))
        return [sync.run() for _ in range(3 if quick else 9)][1:]


def _sparse(folder: Path, url: str) -> None:
    """What git does to have one folder of a tag, and as little else as it can."""
    put_away(folder, folder.parent)
    env = git_env(folder.parent)
    start = ["clone", "--quiet", "--depth", "1", "--filter=blob:none", "--sparse", "--branch", TAG, url]
    for arguments in ([*start, str(folder)], ["-C", str(folder), "sparse-checkout", "set", NAMES[3]]):
        subprocess.run(["git", *arguments], env=env, check=True, capture_output=True)


def _bytes(folder: Path, quick: bool) -> list[float]:
    """Bytes that pass for an `add`, over those for git's sparse checkout of the same folder."""
    key = _publish(folder, {"all": NAMES}, JUNK_MB)
    ratios = []
    with _served(folder, 0.0) as far:
        url = f"{far.base}/all.git"
        for _ in range(2 if quick else 4):
            _sparse(folder / "clone", url)
            theirs = far.passed()
            add = ("add", url, "--tag", TAG, "--path", NAMES[3], "--trust", key, "--accept-capabilities")
            tarkpm(user(folder / "user"), *add).run()
            ratios.append(far.passed() / theirs)
    return ratios


def _memory(repositories: Callable[[], dict[str, Sequence[str]]], folder: Path, _quick: bool) -> list[float]:
    """MiB at the peak of a sync."""
    served = repositories()
    key = _publish(folder, served)
    with _served(folder, 0.0) as far:
        places = {name: repository for repository, names in served.items() for name in names}
        person = _locked(folder / "user", far.base, places, key)
        run = run_measured(person, "sync")
    if run.status:
        raise RuntimeError(run.err)
    return [run.peak / MIB]


def _each() -> dict[str, Sequence[str]]:
    return {name: [name] for name in NAMES}


def _all() -> dict[str, Sequence[str]]:
    return {"all": NAMES}


FIGURES: list[Figure | Amount] = [
    Amount("git-bytes", "add of a folder, of git's sparse clone", "×", 1.2, _bytes),
    Figure(
        "folders",
        f"sync, {MANY} folders of one repository",
        "one folder of it",
        1.3,
        9,
        partial(_folders, 0.0),
    ),
    Figure("folders-far", "the same, 80 ms away", "one folder of it", 1.3, 5, partial(_folders, FAR), 3),
    Figure(
        "many-lock",
        f"lock, {len(LARGE)} folders of one",
        f"{len(SMALL)} folders of one",
        5,
        5,
        partial(_growth, _locking),
        3,
    ),
    Figure(
        "many-sync",
        f"sync, {len(LARGE)} folders of one",
        f"{len(SMALL)} folders of one",
        5,
        5,
        partial(_growth, _syncing),
        3,
    ),
    Amount("far", f"sync of {MANY} repositories, 80 ms away", "s", 2.0, _repositories),
    Amount("git-m-each", f"sync of {MANY} repositories, peak", "MiB", 120, partial(_memory, _each)),
    Amount("git-m-all", f"sync of {MANY} folders of one, peak", "MiB", 120, partial(_memory, _all)),
]
