"""``tarkpm accept`` and ``accepted``, and ``--accept-project=DIGEST``: what CI accepts is what was reviewed."""

from pathlib import Path

import pytest
from attacks.tampering import help_of, replace_in, unchanged
from conftest import Publisher
from support.sandbox import Sandbox
from support.terminal import Terminal


@pytest.fixture
def mate(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with a fresh clone of a project that has one plugin."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    publisher.server.requests.clear()
    return mate


def test_the_digest_and_the_decisions_are_shown(mate: Sandbox, publisher: Publisher) -> None:
    with unchanged(mate):
        shown = mate.run("accept", "--print").ok()
    assert f"fetch 'text-tools' from {publisher.url}" in shown.out
    assert f"trust {publisher.key} for 'text-tools'" in shown.out
    assert "not accepted" in shown.out
    assert not publisher.server.requests


def test_ci_accepts_the_decisions_that_were_reviewed_and_no_others(mate: Sandbox) -> None:
    digest = mate.run("accept", "--print", "--json").ok().json["digest"]
    other = "sha256:" + "0" * 64
    refused = mate.run("sync", f"--accept-project={other}").failed(4, f"have the digest {digest}", other)
    assert help_of(refused) == ["accept", "--print"]
    mate.run("sync", f"--accept-project={digest}").ok()
    replace_in(mate.cwd / "tark.toml", "storage = true", "storage = true, shell = true")
    mate.run("sync", f"--accept-project={digest}").failed(4, "have the digest")
    mate.run("sync", env={"TARKPM_ACCEPT_PROJECT": digest}).failed(4, "have the digest")


def test_the_digest_is_the_same_on_every_machine(mate: Sandbox, sandbox: Sandbox) -> None:
    """It is of the documents alone: where they lie, and what was accepted before, makes no difference."""
    one, other = (who.run("accept", "--print", "--json").ok().json for who in (mate, sandbox))
    assert one["digest"] == other["digest"]
    assert (one["accepted"], other["accepted"]) == (False, True)


@pytest.mark.parametrize("text", ["sha256:12", "nonsense", "sha256:" + "g" * 64])
def test_what_is_no_digest_is_an_error(mate: Sandbox, text: str) -> None:
    with unchanged(mate):
        mate.run("sync", f"--accept-project={text}").failed(2, "expected sha256: and 64 hexadecimal digits")
        variable = {"TARKPM_ACCEPT_PROJECT": text}
        mate.run("sync", env=variable).failed(2, "expected sha256:", "TARKPM_ACCEPT_PROJECT")


def test_it_stands_before_and_behind_the_command_with_and_without_a_digest(mate: Sandbox) -> None:
    digest = mate.run("accept", "--print", "--json").ok().json["digest"]
    mate.run(f"--accept-project={digest}", "sync", "--dry-run").ok()
    mate.run("--accept-project", "sync", "--dry-run").ok()
    mate.run("sync", "--dry-run", "--accept-project").ok()


def test_what_is_printed_ends_with_the_command_that_accepts_it(mate: Sandbox) -> None:
    command = mate.run("accept", "--print").ok().out.splitlines()[-1]
    digest = mate.run("accept", "--print", "--json").ok().json["digest"]
    assert command == f"tarkpm accept --accept-project={digest}"
    mate.run(*command.split()[1:]).ok()
    assert mate.run("accept", "--print").ok().out.splitlines()[-1] == f"digest  {digest}"


def test_accepting_fetches_nothing_and_lets_sync_go_on(mate: Sandbox, publisher: Publisher) -> None:
    mate.run("accept").failed(4, "you have not accepted this project's decisions", "accept --print")
    with Terminal(mate, "accept") as terminal:
        terminal.expect("Accept these decisions?")
        terminal.type("y\n")
        terminal.finish().ok()
    assert not publisher.server.requests
    mate.run("sync").ok()


def test_what_was_accepted_is_listed_and_taken_back(mate: Sandbox) -> None:
    assert mate.run("accepted").ok().out == "nothing has been accepted yet\n"
    mate.run("sync", "--accept-project").ok()
    (row,) = mate.run("accepted", "--json").ok().json["projects"]
    assert row["project"] == str(mate.cwd)
    assert row["plugins"] == ["text-tools"]
    assert row["accepted_at"].startswith("20")
    assert str(mate.cwd) in mate.run("accepted").ok().out
    mate.run("accepted", "--forget", mate.cwd).ok()
    mate.run("sync").failed(4, "you have not accepted")
    mate.run("call", "text-tools", "text-stats", '{"text":""}').failed(4, "you have not accepted")
    mate.run("accepted", "--forget", mate.cwd).failed(2, "this project was not accepted")
    mate.run("sync", "--accept-project").ok()


def test_what_is_narrowed_by_hand_counts_from_accept_on(mate: Sandbox, tmp_path: Path) -> None:
    mate.run("accept", "--accept-project").ok()
    toml = mate.cwd / "tark.toml"
    before = toml.read_text()
    replace_in(toml, "text-tools = { storage = true }\n", "")
    mate.run("accept").ok()
    toml.write_text(before)
    mate.run("accept").failed(4, "let 'text-tools' use storage")


def test_a_token_whose_index_is_new_is_disclosed(mate: Sandbox, tmp_path: Path) -> None:
    """It is told by the index's entry, not by words: a plugin's text cannot hide it."""
    root = "sha256:" + "a" * 64
    text = f'\n[index.corp]\nurl = "https://index.example"\nroot = "{root}"\n'
    (mate.cwd / "tark.toml").write_text((mate.cwd / "tark.toml").read_text() + text)
    shown = mate.run("accept", "--print", env={"TARKPM_INDEX_CORP_TOKEN": "s3cret"}).ok()
    assert "send the token in TARKPM_INDEX_CORP_TOKEN to https://index.example" in shown.out
    assert "s3cret" not in shown.out
