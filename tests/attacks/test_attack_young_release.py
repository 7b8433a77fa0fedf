"""A malicious release is fresh: what its author, a mirror or a colleague says cannot make it older."""

import json
import time

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Result, Sandbox

from tarkpm.core.release_age import parse_moment

DAY = 86_400
CONSENT = "--accept-capabilities"


def wait(sandbox: Sandbox, line: str = 'minimum-release-age = "3d"') -> None:
    """Set an age, by hand,."""
    file = sandbox.cwd / "tark.toml"
    file.write_text(file.read_text().replace("[tark]\n", f"[tark]\n{line}\n"))


def locked(sandbox: Sandbox) -> str:
    return str(sandbox.run("list", "--json").ok().json["plugins"][0]["version"])


@pytest.fixture
def victim(indexed: IndexedProject) -> IndexedProject:
    """A project that waits, with a release of long ago."""
    indexed.release("text-tools", "1.0.0", published=int(time.time()) - 90 * DAY)
    indexed.use()
    indexed.sandbox.run("add", "text-tools", CONSENT).ok()
    wait(indexed.sandbox)
    return indexed


def update(sandbox: Sandbox, *words: str) -> Result:
    return sandbox.run("update", CONSENT, *words)


@pytest.mark.parametrize("published", [None, 0, 10 * DAY], ids=["not said", "now", "in the future"])
def test_a_mirror_that_leaves_the_time_out_or_invents_one(
    victim: IndexedProject, published: int | None
) -> None:
    when = None if published is None else int(time.time()) + published
    victim.release("text-tools", "1.1.0", published=when)
    assert "'text-tools' 1.1.0" in update(victim.sandbox).ok().out
    assert locked(victim.sandbox) == "1.0.0"


def test_an_index_that_dates_a_release_to_the_end_of_time(victim: IndexedProject) -> None:
    """It waits, and stops no command: the moment at which it is old enough cannot be written as a date."""
    victim.release("text-tools", "1.1.0", published=parse_moment("9999-12-31T23:59:59Z"))
    sandbox = victim.sandbox
    assert "'text-tools' 1.1.0 is too young until after the year 9999" in update(sandbox).ok().out
    assert "too young until after the year 9999" in sandbox.run("outdated").out
    sandbox.run("versions", "text-tools").ok()
    sandbox.run("add", "text-tools@1.1.0").failed(4, "too young until after the year 9999")
    assert locked(sandbox) == "1.0.0"


def test_a_commit_that_says_it_is_old(
    sandbox: Sandbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, CONSENT).ok()
    wait(sandbox)
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2020-01-01T00:00:00Z")
    publisher.release("1.1.0")
    assert "1.1.0 is too young until 20" in update(sandbox).ok().out
    assert locked(sandbox) == "1.0.0"
    # Whoever deletes the state begins to wait again; a damaged record counts as none.
    (record,) = (sandbox.state / "first-seen").glob("*.json")
    seen = json.loads(record.read_text())
    assert len(seen["commits"]) == 1
    for text in ("", "{", "{}", json.dumps({**seen, "url": "https://elsewhere.example"})):
        record.write_text(text)
        update(sandbox).ok()
        assert locked(sandbox) == "1.0.0"
    record.unlink()
    update(sandbox).ok()
    assert locked(sandbox) == "1.0.0"


def test_a_clock_that_was_set_back_makes_no_commit_older(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, CONSENT).ok()
    wait(sandbox)
    publisher.release("1.1.0")
    update(sandbox).ok()
    (record,) = (sandbox.state / "first-seen").glob("*.json")
    seen = json.loads(record.read_text())
    seen["commits"] = {commit: at + 400 * DAY for commit, at in seen["commits"].items()}
    record.write_text(json.dumps(seen))
    assert "is too young until" in update(sandbox).ok().out
    assert locked(sandbox) == "1.0.0"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", 'minimum-release-age-exclude = ["text-tools"]', "take releases of 'text-tools' of any age"),
        ('minimum-release-age = "3d"', "", "shorten the minimum release age: 3d → none"),
        (
            'minimum-release-age = "3d"',
            'minimum-release-age = "1h"',
            "shorten the minimum release age: 3d → 1h",
        ),
    ],
)
def test_a_colleague_who_excludes_a_plugin_or_shortens_the_age(
    victim: IndexedProject, before: str, after: str, said: str
) -> None:
    sandbox = victim.sandbox
    update(sandbox).ok()  # the age was accepted with it
    victim.release("text-tools", "1.1.0", published=int(time.time()))
    file = sandbox.cwd / "tark.toml"
    old = file.read_bytes()
    base = 'minimum-release-age = "3d"'
    text = file.read_text()
    file.write_text(text.replace(before, after) if before else text.replace(base, f"{base}\n{after}"))
    update(sandbox).failed(4, said)
    sandbox.run("sync").failed(4, said)
    assert said in sandbox.run("accept", "--print").out
    file.write_bytes(old)
    update(sandbox).ok()
    assert locked(sandbox) == "1.0.0"


def test_an_excluded_plugin_brings_no_young_dependency(victim: IndexedProject) -> None:
    victim.release("json-core", "1.0.0", published=int(time.time()))
    needs = '[dependencies]\njson-core = "^1"\n'
    victim.release("text-tools", "1.1.0", needs, published=int(time.time()))
    update(victim.sandbox, "--no-minimum-age", "text-tools").ok()
    assert locked(victim.sandbox) == "1.0.0"
    victim.sandbox.run("add", "text-tools@1.1.0", CONSENT).failed(
        4, "json-core 1.0.0 is too young until", "--no-minimum-age json-core"
    )


def test_the_users_own_age_only_gets_longer_by_a_project(victim: IndexedProject) -> None:
    sandbox = victim.sandbox
    victim.release("text-tools", "1.1.0", published=int(time.time()) - 5 * DAY)
    own = {"TARKPM_MINIMUM_RELEASE_AGE": "2w"}
    assert "1.1.0 is too young" in sandbox.run("update", CONSENT, env=own).ok().out
    assert locked(sandbox) == "1.0.0"
    shorter = {"TARKPM_MINIMUM_RELEASE_AGE": "1h"}
    victim.release("text-tools", "1.2.0", published=int(time.time()) - DAY)
    assert "1.2.0 is too young" in sandbox.run("update", CONSENT, env=shorter).ok().out
    assert locked(sandbox) == "1.1.0"
