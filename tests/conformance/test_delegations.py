"""Who is asked about a target, in which order, and where the search ends."""

from typing import NamedTuple
from urllib.parse import quote

import pytest
from tuf.api.metadata import DelegatedRole, Targets

from conformance.simulator import Simulator, in_days
from conformance.steps import (
    Case,
    Stage,
    asked_for,
    changes,
    does,
    finds,
    finds_nothing,
    play,
    publishes,
    publishes_all,
    refreshes,
    refuses_target,
    trusts,
)
from tarkpm.core.layout import SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexUntrusted

REFRESH = [
    "metadata/2.root.json",
    "metadata/timestamp.json",
    "metadata/2.snapshot.json",
    "metadata/2.targets.json",
]


class Graph(NamedTuple):
    """Edges, ``parent>child``; after a colon the paths, ``!`` for one that ends the search; and who is asked."""

    edges: str
    asked: str


GRAPHS: dict[str, Graph] = {
    "one": Graph("targets>A", "A"),
    "two beside each other": Graph("targets>A targets>B", "A B"),
    "one below": Graph("targets>A targets>B B>C", "A B C"),
    "depth first": Graph("targets>A targets>B A>C A>D", "A C D B"),
    "depth first, three deep": Graph("targets>A targets>B A>C C>D", "A C D B"),
    "an end": Graph("targets>A targets>B A>C! A>D", "A C"),
    "an end, and what is below it": Graph("targets>A targets>B A>C! C>D", "A C D"),
    "other paths": Graph("targets>A:*.py targets>B A>C", "B"),
    "other paths further down": Graph("targets>A targets>B A>C:*.py C>D", "A B"),
    "a cycle": Graph("targets>A targets>B B>C C>D D>B", "A B C D"),
    "two ways to one role": Graph("targets>A targets>B B>C A>C", "A C B"),
    "two ways, and one is for other paths": Graph("targets>A targets>B B>C A>C:*.py", "A B C"),
}

TREE = "targets>A:*.doc,*.md,foo-?.tgz targets>B:releases/*/* B>C:releases/x/* B>D:releases/y/*.zip"
LISTED = {
    "targetfile": TOP,
    "README.md": "A",
    "releases/README.md": "A",
    "foo-1.tgz": "A",
    "foo-alpha.tgz": "A",
    "releases/x/x_v1": "C",
    "releases/y/y_v1.zip": "D",
    "releases/z/z_v1.zip": "D",
}
"""Who lists which target; not all may."""


class Search(NamedTuple):
    path: str
    found: bool
    asked: str = ""


SEARCHES: dict[str, Search] = {
    "without a delegation": Search("targetfile", True),
    "a star": Search("README.md", True, "A"),
    "a folder": Search("releases/x/x_v1", True, "B C"),
    "a star and an ending": Search("releases/y/y_v1.zip", True, "B D"),
    "listed by who may not": Search("releases/z/z_v1.zip", False, "B"),
    "a star matches no slash": Search("releases/README.md", False),
    "a question mark": Search("foo-1.tgz", True, "A"),
    "a question mark is one character": Search("foo-alpha.tgz", False),
    "capitals are other letters": Search("README.MD", False),
}


def grow(repo: Simulator, edges: str) -> None:
    """Delegate as a graph says, in its order, and publish all of it."""
    roles: dict[str, None] = {}
    for edge in edges.split():
        parent, _, rest = edge.partition(">")
        child, _, paths = rest.partition(":")
        name = child.rstrip("!")
        repo.delegate(parent, DelegatedRole(name, [], 1, child.endswith("!"), (paths or "*").split(",")))
        roles |= {name: None, parent: None}
    roles.pop(TOP, None)
    repo.publish(*roles, TOP, SNAPSHOT, TIMESTAMP)


def files(roles: str) -> list[str]:
    return [f"metadata/1.{role}.json" for role in roles.split()]


@pytest.mark.parametrize("name", list(GRAPHS))
def test_who_is_asked(stage: Stage, name: str) -> None:
    graph = GRAPHS[name]
    grow(stage.repo, graph.edges)
    play([finds_nothing("nowhere"), asked_for(*REFRESH, *files(graph.asked))], stage)


@pytest.mark.parametrize("name", list(SEARCHES))
def test_what_is_found(stage: Stage, name: str) -> None:
    search, repo = SEARCHES[name], stage.repo
    where = grow_with_targets(repo)
    data = f"{LISTED.get(search.path)} says {search.path}".encode()
    play([finds(search.path, data) if search.found else finds_nothing(search.path)], stage)
    target = [where[search.path]] if search.found else []
    assert repo.requests == [*REFRESH, *files(search.asked), *target]


def grow_with_targets(repo: Simulator) -> dict[str, str]:
    """The tree with all its targets; returns where each target is."""
    where = {}
    for path, role in LISTED.items():
        repo.signed.setdefault(role, Targets(expires=in_days(30)))
        target = repo.add_target(role, path, f"{role} says {path}".encode())
        folder, slash, name = path.rpartition("/")
        where[path] = f"targets/{folder}{slash}{target.hashes['sha256']}.{name}"
    grow(repo, TREE)
    return where


def diamond(repo: Simulator) -> None:
    """Two roles delegate different paths to a third, to a key each, and only one of those keys signs it."""
    for name in "ab":
        repo.delegate(TOP, DelegatedRole(f"parent-{name}", [], 1, False, [f"{name}/*"]))
        repo.delegate(f"parent-{name}", DelegatedRole("shared", [], 1, False, [f"{name}/*"]))
    repo.signers["shared"].pop()
    for path in ("a/file", "b/file"):
        repo.add_target("shared", path, path.encode())
    repo.publish("shared", "parent-a", "parent-b", TOP, SNAPSHOT, TIMESTAMP)


OTHER: dict[str, Case] = {
    "a role that was found good by one who delegates to it": [
        does(diamond),
        finds("a/file", b"a/file"),
        refuses_target(IndexUntrusted, "a/file", "b/file"),
        refuses_target(IndexUntrusted, "b/file"),
    ],
    "a role that the snapshot does not list": [
        does(lambda repo: repo.delegate(TOP, DelegatedRole("below", [], 1, False, ["below/*"]))),
        publishes("below", TOP),
        changes(SNAPSHOT, lambda snapshot: snapshot.meta.pop("below.json")),
        publishes(SNAPSHOT, TIMESTAMP),
        refreshes,
        refuses_target(IndexUntrusted, "below/file"),
        trusts(below=0),
        asked_for("metadata/2.root.json", "metadata/timestamp.json"),
    ],
}


@pytest.mark.parametrize("name", list(OTHER))
def test_other_delegations(stage: Stage, name: str) -> None:
    play(OTHER[name], stage)


@pytest.mark.parametrize("role", ["?", "#", "/delegated", "../delegated"])
def test_a_role_whose_name_is_no_file_name(stage: Stage, role: str) -> None:
    """It is quoted in what is asked for, and what is kept of it stays in the cache's own folder."""
    outside = {path for path in stage.cached.parent.rglob("*") if stage.cached not in path.parents}
    steps: Case = [
        does(lambda repo: repo.delegate(TOP, DelegatedRole(role, [], 1, False, ["*"]))),
        publishes_all(role),
        finds_nothing("nowhere"),
        asked_for(*REFRESH, f"metadata/1.{quote(role, safe='')}.json"),
    ]
    play(steps, stage)
    assert len(stage.versions()) == 5
    now = {path for path in stage.cached.parent.rglob("*") if stage.cached not in path.parents}
    assert {path.suffix for path in now - outside - {stage.cached}} <= {".lock"}
