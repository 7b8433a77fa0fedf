"""`grant --unused`: what plugins were granted and never used, and how little is kept to know it."""

import json
from pathlib import Path

import pytest
from support.guests import write_plugin
from support.sandbox import WASM, Sandbox

MORE = 'http = ["api.example.com"]\nenv = ["LANG"]'
SAVE = '{"key":"a","text":"b"}'


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """text-tools, which stores notes and reads nothing, with more grants than that."""
    write_plugin(sandbox.cwd / "src" / "text-tools", "text-tools", "tool", WASM, MORE)
    sandbox.init()
    sandbox.run("add", "./src/text-tools", "--accept-capabilities").ok()
    return sandbox


def record(sandbox: Sandbox) -> Path:
    (found,) = (sandbox.state / "uses").glob("*.json")
    return found


def unused(sandbox: Sandbox, *words: str) -> list[str]:
    (row,) = sandbox.run("grant", "--unused", *words, "--json").ok().json["plugins"]
    return list(row["unused"])


def test_the_errand(project: Sandbox) -> None:
    assert (
        project.run("grant", "--unused").ok().out == "text-tools: not called here yet, so nothing is known\n"
    )
    project.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    assert len(unused(project)) == 3
    for _ in range(2):
        project.run("call", "text-tools", "save-note", SAVE).ok()
    kept = json.loads(record(project).read_text())
    assert set(kept) == {"since", "used", "version"}
    assert list(kept["used"]) == ["storage"]
    assert set(kept["used"]["storage"]) == {"count", "first", "last"}
    assert kept["used"]["storage"]["count"] >= 2
    assert unused(project, "text-tools") == ["http:api.example.com", "env:LANG"]
    said = project.run("grant", "--unused").ok().out
    assert said == (
        f"text-tools: never used (counted since {kept['since']}): http:api.example.com, env:LANG\n"
        "to revoke these grants: add --narrow\n"
    )
    project.run("grant", "--unused", "--narrow", "--dry-run").ok()
    assert len(unused(project)) == 2
    assert project.run("grant", "--unused", "--narrow").ok().out.endswith("revoked these grants\n")
    assert unused(project) == []
    assert (
        project.run("grant", "--unused").ok().out == f"text-tools: all used (counted since {kept['since']})\n"
    )
    shown = project.run("info", "text-tools", "--json").ok().json
    assert shown["granted"] == ["storage"]
    assert [one["capability"] for one in shown["uses"]] == ["storage"]
    used = kept["used"]["storage"]
    assert (
        f"storage: {used['count']} times, last on {used['last']}"
        in project.run("info", "text-tools").ok().out
    )
    project.run("call", "text-tools", "save-note", SAVE).ok()


def test_days(project: Sandbox) -> None:
    project.run("call", "text-tools", "save-note", SAVE).ok()
    assert "counted only since 20" in project.run("grant", "--unused", "--days", "30").ok().out
    project.run("grant", "--unused", "--days", "30", "--narrow").ok()
    file = record(project)
    kept = json.loads(file.read_text())
    kept["since"] = "2020-01-01"
    file.write_text(json.dumps(kept))
    assert unused(project, "--days", "30") == ["http:api.example.com", "env:LANG"]
    kept["used"]["storage"] |= {"first": "2020-01-01", "last": "2020-02-01"}
    file.write_text(json.dumps(kept))
    assert "storage" in unused(project, "--days", "30")
    assert "storage" not in unused(project)


def test_a_damaged_record_counts_as_none_and_stops_no_call(project: Sandbox) -> None:
    project.run("call", "text-tools", "save-note", SAVE).ok()
    record(project).write_text("{")
    assert unused(project) == []
    project.run("call", "text-tools", "save-note", SAVE).ok()
    assert len(unused(project)) == 2


def test_a_working_copy_that_is_only_run_leaves_no_count(project: Sandbox) -> None:
    folder = project.cwd / "src" / "text-tools"
    project.run("call", folder, "save-note", SAVE, "--accept-capabilities").ok()
    assert not (project.state / "uses").exists()


def test_options_that_do_not_fit(project: Sandbox) -> None:
    project.run("grant", "--unused", "text-tools", "storage").failed(2, "expected --unused alone")
    project.run("grant", "text-tools", "storage", "--narrow").failed(2, "expected --unused with")
    project.run("grant").failed(2, "expected the NAME of a plugin, or --unused")
    project.run("grant", "--unused", "nothing").failed(2, "does not require a plugin named 'nothing'")
