"""A project that waits until releases have an age: what a person types, and what it says."""

import json
import time
from datetime import datetime

import pytest
from conftest import Publisher
from support.advised import advise, advisory
from support.indexed import IndexedProject
from support.sandbox import Sandbox

DAY = 86_400
CONSENT = "--accept-capabilities"


@pytest.fixture
def waiting(indexed: IndexedProject) -> IndexedProject:
    """A project that waits for three days, and an index with an old and a fresh release."""
    now = int(time.time())
    indexed.release("text-tools", "1.0.0", published=now - 90 * DAY)
    indexed.release("text-tools", "1.1.0", published=now - DAY)
    indexed.use()
    file = indexed.sandbox.cwd / "tark.toml"
    file.write_text(file.read_text().replace("[tark]\n", '[tark]\nminimum-release-age = "3d"\n'))
    return indexed


def locked(sandbox: Sandbox) -> str:
    return str(sandbox.run("list", "--json").ok().json["plugins"][0]["version"])


def project(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.toml").read_text()


def test_add_takes_the_newest_release_that_is_old_enough_and_says_what_waits(waiting: IndexedProject) -> None:
    sandbox = waiting.sandbox
    added = sandbox.run("add", "text-tools", CONSENT, "--json").ok().json
    (one,) = added["waiting"]
    assert (one["name"], one["version"]) == ("text-tools", "1.1.0")
    assert abs(one["until"] - time.time() - 2 * DAY) < 300
    assert locked(sandbox) == "1.0.0"
    said = (
        f"note: 'text-tools' 1.1.0 is too young until {time.strftime('%Y-%m-%d', time.gmtime(one['until']))}"
    )
    assert said in sandbox.run("update").ok().out
    found = sandbox.run("outdated", "--json")
    (row,) = found.json["plugins"]
    assert (found.status, row["update"], row["newest"], row["waiting"]) == (0, "", "1.1.0", one)
    assert "1.1.0 is too young until 20" in sandbox.run("outdated").out
    rows = sandbox.run("versions", "text-tools", "--json").ok().json["versions"]
    assert [row["note"][:19] for row in rows] == ["is too young until ", "locked"]
    published = datetime.fromisoformat(rows[1]["published"])
    assert abs(published.timestamp() - time.time() + 90 * DAY) < 300


def test_an_exact_version_that_is_too_young_is_refused_with_the_flag_that_helps(
    waiting: IndexedProject,
) -> None:
    sandbox = waiting.sandbox
    refused = sandbox.run("add", "text-tools@1.1.0", CONSENT, "--json")
    refused.failed(4, "text-tools 1.1.0 is too young until 20")
    hint = "tarkpm add text-tools@1.1.0 --accept-capabilities --json --no-minimum-age text-tools"
    assert refused.json["error"]["hint"] == hint
    assert refused.json["error"]["code"] == "ReleaseTooYoung"
    assert "[plugins]" not in project(sandbox)
    sandbox.run("add", "text-tools@1.1.0", CONSENT, "--no-minimum-age", "text-tools").ok()
    assert 'minimum-release-age-exclude = ["text-tools"]' in project(sandbox)
    assert locked(sandbox) == "1.1.0"


def test_an_option_for_a_plugin_that_is_not_there_is_said(waiting: IndexedProject) -> None:
    sandbox = waiting.sandbox
    said = sandbox.run("add", "text-tools", CONSENT, "--no-minimum-age", "text-tool").ok().out
    assert "note: --no-minimum-age names 'text-tool', and the project has no such plugin" in said
    assert "did you mean 'text-tools'?" in said
    said = sandbox.run("update", "--allow-unsigned", "other", "--no-minimum-age", "text_tools").ok().out
    assert "note: --allow-unsigned names 'other', and the project has no such plugin\n" in said
    assert "--no-minimum-age names" not in said


def test_what_is_locked_stays_and_sync_does_not_ask(waiting: IndexedProject) -> None:
    sandbox = waiting.sandbox
    sandbox.run("add", "text-tools", CONSENT, "--no-minimum-age", "text-tools").ok()
    assert locked(sandbox) == "1.1.0"
    file = sandbox.cwd / "tark.toml"
    file.write_text(project(sandbox).replace('minimum-release-age-exclude = ["text-tools"]\n', ""))
    (sandbox.plugins / "text-tools" / "plugin.wasm").unlink()
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()
    sandbox.run("lock", "--check").ok()
    assert sandbox.run("update").ok().out == "text-tools 1.1.0 is unchanged\n"


def test_without_an_age_nothing_waits_and_no_flag_is_written(waiting: IndexedProject) -> None:
    sandbox = waiting.sandbox
    file = sandbox.cwd / "tark.toml"
    file.write_text(project(sandbox).replace('minimum-release-age = "3d"\n', ""))
    sandbox.run("add", "text-tools", CONSENT, "--no-minimum-age", "text-tools").ok()
    assert locked(sandbox) == "1.1.0"
    assert "minimum-release-age" not in project(sandbox)
    assert not (sandbox.state / "first-seen").exists()


def test_a_git_release_counts_from_when_this_machine_first_saw_its_commit(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    commit = publisher.release()
    sandbox.init()
    file = sandbox.cwd / "tark.toml"
    file.write_text(project(sandbox).replace("[tark]\n", '[tark]\nminimum-release-age = "3d"\n'))
    words = ("add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, CONSENT)
    sandbox.run(*words).failed(
        4, "'text-tools' 1.0.0 is too young until 20", "its age counts from when this machine first saw"
    )
    (record,) = (sandbox.state / "first-seen").glob("*.json")
    seen = json.loads(record.read_text())
    assert list(seen["commits"]) == [commit]
    seen["commits"][commit] -= 4 * DAY
    record.write_text(json.dumps(seen))
    sandbox.run(*words).ok()
    publisher.release("1.1.0")
    edited = project(sandbox).replace('tag = "v1.0.0"', 'tag = "v1.1.0"')
    file.write_text(edited)
    sandbox.run("lock").failed(
        4, "'text-tools' 1.1.0 is too young", "tarkpm lock --no-minimum-age text-tools"
    )
    sandbox.run("lock", "--no-minimum-age", "text-tools").ok()
    assert 'minimum-release-age-exclude = ["text-tools"]' in project(sandbox)


def test_a_young_tag_of_a_range_waits_and_the_locked_one_stays(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--tag", "^1.0", "--trust", publisher.key, CONSENT).ok()
    file = sandbox.cwd / "tark.toml"
    file.write_text(project(sandbox).replace("[tark]\n", '[tark]\nminimum-release-age = "3d"\n'))
    publisher.release("1.1.0")
    said = sandbox.run("update").ok().out
    assert said.startswith("text-tools 1.0.0 is unchanged\nnote: 'text-tools' 1.1.0 is too young until 20"), (
        said
    )
    assert locked(sandbox) == "1.0.0"
    (row,) = sandbox.run("outdated", "--json").ok().json["plugins"]
    assert (row["update"], row["newest"], row["waiting"]["version"]) == ("", "1.1.0", "1.1.0")
    # A range that leaves out the locked tag has nothing to keep.
    file.write_text(project(sandbox).replace('tag = "^1.0"', 'tag = "^1.1"'))
    sandbox.run("update").failed(4, "'text-tools' 1.1.0 is too young until 20")


def test_outdated_ends_where_an_edited_git_source_is_refused_beside_an_index(
    waiting: IndexedProject, publisher: Publisher
) -> None:
    """It asked for the edited source's releases forever, because no index has them."""
    sandbox = waiting.sandbox
    waiting.release("notes", published=int(time.time()) - 90 * DAY)
    sandbox.run("add", "notes", CONSENT).ok()
    publisher.release()
    words = ("--trust", publisher.key, CONSENT, "--no-minimum-age", "text-tools")
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *words).ok()
    publisher.release("1.1.0")
    text = project(sandbox).replace('tag = "v1.0.0"', 'branch = "main"')
    file = sandbox.cwd / "tark.toml"
    file.write_text(text.replace('minimum-release-age-exclude = ["text-tools"]\n', ""))
    said = sandbox.run("outdated").failed(1).out
    assert "refused: 'text-tools' 1.1.0 is too young until 20" in said
    assert "an update would fail" not in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('minimum-release-age = "3 days"', "expected an age like 3d, 12h or 2w, found '3 days'"),
        ('minimum-release-age = ""', "expected a value, found an empty string"),
        ("minimum-release-age = 3", "tark.minimum-release-age"),
        ('minimum-release-age-exclude = ["a b"]', "tark.minimum-release-age-exclude"),
        ('minimum-release-ages = "3d"', "'minimum-release-ages' is not a known key"),
    ],
)
def test_a_setting_that_cannot_be_read_names_its_key(sandbox: Sandbox, line: str, said: str) -> None:
    sandbox.init()
    file = sandbox.cwd / "tark.toml"
    file.write_text(project(sandbox).replace("[tark]\n", f"[tark]\n{line}\n"))
    sandbox.run("update").failed(2, said)


def test_a_variable_that_cannot_be_read_says_so(waiting: IndexedProject) -> None:
    env = {"TARKPM_MINIMUM_RELEASE_AGE": "soon"}
    said = "TARKPM_MINIMUM_RELEASE_AGE: expected an age like 3d, 12h or 2w, found 'soon'"
    waiting.sandbox.run("add", "text-tools", CONSENT, env=env).failed(2, said, "unset TARKPM_MINIMUM")


def test_a_release_that_fixes_an_advisory_does_not_wait(waiting: IndexedProject) -> None:
    sandbox = waiting.sandbox
    sandbox.run("add", "text-tools", CONSENT).ok()
    advise(waiting.repo, advisory(waiting.repo, affected="<1.1.0"))
    waiting.release("text-tools", "1.2.0", published=int(time.time()))
    assert "'text-tools' 1.2.0 is too young until" in sandbox.run("update").ok().out
    assert locked(sandbox) == "1.1.0"
