"""Moving forward: what is shown, what is asked, and what a failure leaves."""

import pytest
from conftest import Publisher
from support.sandbox import Sandbox


def documents(sandbox: Sandbox) -> dict[str, bytes]:
    """Both documents and every installed file."""
    files = [sandbox.cwd / "tark.toml", sandbox.cwd / "tark.lock"]
    files += [path for path in sandbox.plugins.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


@pytest.fixture
def followed(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that follows a branch of a signed plugin."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


def test_old_and_new_are_shown_and_only_what_is_wider_is_asked(
    followed: Sandbox, publisher: Publisher
) -> None:
    old = followed.run("info", "text-tools", "--json").ok().json["commit"]
    new = publisher.release("1.1.0")
    looked = followed.run("update", "--dry-run").ok()
    assert "version 1.0.0 → 1.1.0" in looked.err
    assert f"commit {old} → {new}" in looked.err
    assert f"would replace text-tools 1.1.0 at {new[:12]}" in looked.out
    assert f"was 1.0.0 at {old[:12]}" in looked.out
    assert followed.run("info", "text-tools", "--json").ok().json["version"] == "1.0.0"
    (taken,) = followed.run("update", "--json").ok().json["plugins"]
    previous = {"version": "1.0.0", "commit": old, "signer": publisher.key, "digest": ""}
    assert taken["previous"] == previous
    assert (taken["gained"], taken["lost"]) == ([], [])
    publisher.release("1.2.0", capabilities='http = ["api.example"]')
    before = documents(followed)
    followed.run("update", "-y").failed(4, "--accept-capabilities", "http:api.example")
    assert documents(followed) == before
    wider = followed.run("update", "--accept-capabilities").ok()
    assert "gains │ http:api.example\n" in wider.err
    assert "loses │ storage\n" in wider.err
    assert "loses storage" in wider.out


def test_a_change_of_key_leaves_everything(followed: Sandbox, publisher: Publisher) -> None:
    other = followed.key("other")
    publisher.release("1.1.0", sign="other")
    before = documents(followed)
    followed.run("update", "-y").failed(4, f"--trust {other}")
    assert documents(followed) == before
    taken = followed.run("update", "--trust", other).ok()
    assert f"signer {publisher.key} → {other}" in taken.err
    assert f"signer was {publisher.key}" in taken.out


def one_of_two_goes_away(followed: Sandbox, publisher: Publisher) -> None:
    """Follow a second repository, release anew in the first, and take the second from the server."""
    second = Publisher(followed, publisher.server, "second")
    second.key = publisher.key
    second.release()
    followed.run("add", second.url, "--trust", second.key, "--accept-capabilities").ok()
    publisher.release("1.1.0")
    (publisher.server.root / "second.git").rename(publisher.server.root / "away.git")


def test_one_of_two_sources_away_leaves_everything(followed: Sandbox, publisher: Publisher) -> None:
    one_of_two_goes_away(followed, publisher)
    before = documents(followed)
    refused = followed.run("update", "-y")
    assert refused.status != 0
    assert documents(followed) == before
    followed.run("update", "text-tools", "-y").ok()
    assert followed.run("info", "text-tools", "--json").ok().json["version"] == "1.1.0"
    followed.run("verify").ok()


def test_outdated_tells_of_the_others_when_one_source_is_away(
    followed: Sandbox, publisher: Publisher
) -> None:
    one_of_two_goes_away(followed, publisher)
    told = followed.run("outdated").failed(5)
    assert "text-tools  1.0.0   1.1.0" in told.out
    (row,) = [line for line in told.out.splitlines() if line.startswith("second")]
    assert (row.split()[1:4], "not checked: there is no such repository" in row) == (
        ["1.0.0", "?", "?"],
        True,
    )
    report = followed.run("outdated", "--json").failed(5).json
    assert (list(report["failed"]), report["checked"]) == (["second"], 1)
    followed.run("remove", "text-tools").ok()
    followed.run("outdated").failed(5, "not checked: there is no such repository")
    offline = followed.run("outdated", env={"TARKPM_OFFLINE": "1"})
    offline.failed(5, "error: TARKPM_OFFLINE forbids network requests")


def test_outdated_promises_no_lower_version(followed: Sandbox, publisher: Publisher) -> None:
    publisher.release("0.9.0")
    told = followed.run("outdated").failed(1)
    assert "lower: needs --allow-downgrade" in told.out
    assert "tarkpm update" not in told.out


def test_only_what_was_named_moves(followed: Sandbox, publisher: Publisher) -> None:
    second = Publisher(followed, publisher.server, "second")
    second.key = publisher.key
    second.release()
    followed.run("add", second.url, "--trust", second.key, "--accept-capabilities").ok()
    publisher.release("1.1.0")
    second.release("1.1.0")
    followed.run("update", "second").ok()
    versions = {row["id"]: row["version"] for row in followed.run("list", "--json").ok().json["plugins"]}
    assert versions == {"second": "1.1.0", "text-tools": "1.0.0"}


def test_a_dry_run_tells_of_files_that_would_go(followed: Sandbox, publisher: Publisher) -> None:
    (followed.plugins / "text-tools" / "notes.txt").write_text("mine")
    publisher.release("1.1.0")
    said = "would be deleted from the folder of 'text-tools', not part of the release: 'notes.txt'"
    for command in (("update",), ("remove", "text-tools"), ("sync", "--reinstall")):
        assert said in followed.run(*command, "--dry-run").ok().err
    assert (followed.plugins / "text-tools" / "notes.txt").exists()


def test_trust_and_grants_may_be_spelled_with_the_other_dash(followed: Sandbox) -> None:
    file = followed.cwd / "tark.toml"
    head, middle, tail = file.read_text().partition("[trust]")
    file.write_text(head + middle + tail.replace("text-tools =", "text_tools ="))
    assert "text_tools =" in file.read_text()
    followed.run("verify").ok()
    followed.run("call", "text-tools", "save-note", '{"key":"k","text":"t"}').ok()
    assert followed.run("info", "text-tools", "--json").ok().json["granted"] == ["storage"]


def test_a_folder_that_is_gone_upstream_leads_to_removing_the_plugin(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release(folder="tools/text")
    sandbox.init()
    where = ("--path", "tools/text", "-b", "main", "--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, *where).ok()
    publisher.repo.git("rm", "-r", "--quiet", "tools")
    publisher.repo.commit("moved elsewhere")
    publisher.publish()
    hint = "help: its folder may have been moved or deleted; to drop the plugin: tarkpm remove text-tools\n"
    sandbox.run("update").failed(2, "there is no folder 'tools/text'", hint)


def test_an_update_of_nothing_says_so(sandbox: Sandbox) -> None:
    sandbox.init()
    assert sandbox.run("update").ok().out == "nothing to update\n"
