"""A tark.toml from elsewhere decides nothing for this user until this user says so; nothing is fetched before."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from attacks.tampering import World, call, help_of, replace_in, snapshot, unchanged, write

SECTIONS: dict[str, tuple[Callable[[World], tuple[str, str]], str]] = {
    "shell": (
        lambda w: ("text-tools = { storage = true }", "text-tools = { storage = true, shell = true }"),
        "let 'text-tools' use shell",
    ),
    "a key more": (
        lambda w: (f'"{w.publisher.key}"]', f'"{w.publisher.key}", "{w.evil_key}"]'),
        "trust {evil} for 'text-tools'",
    ),
    "another key": (
        lambda w: (w.publisher.key, w.evil_key),
        "trust {evil} for 'text-tools'",
    ),
    "unsigned": (
        lambda w: ('tag = "v1.0.0"', 'tag = "v1.0.0", unsigned = true'),
        "install 'text-tools' unsigned from",
    ),
    "a folder outside": (
        lambda w: ("[plugins]\n", '[plugins]\nmine = { path = "../../../etc" }\n'),
        "install 'mine' from the folder ../../../etc",
    ),
}


@pytest.mark.parametrize("case", list(SECTIONS))
def test_it_is_not_accepted_silently(world: World, case: str) -> None:
    change, text = SECTIONS[case]
    text = text.format(evil=world.evil_key)
    world.edit("tark.toml", change(world))
    with unchanged(world.victim):
        for command in (("update",), ("lock",), ("add", world.evil_url), ("sync", "--offline")):
            refused = world.victim.run(*command)
            if refused.status in (1, 3):  # tark.lock does not follow from it either
                text_of_lock = "'mine' is in tark.toml, but not in tark.lock"
                refused.failed(
                    refused.status, text_of_lock if refused.status == 1 else "[trust] does not list"
                )
            else:
                refused.failed(4, "you have not accepted this project's decisions", text)
        call(world.victim).failed(4, text)
        found = world.victim.run("verify")
        found.failed(3 if case == "another key" else 4, f"not accepted by you: {text}")
    assert world.server.requests == []
    before = snapshot(world.mate)
    refused = world.mate.run("update").failed(4, "you have not accepted this project's decisions", text)
    assert help_of(refused) == ["accept", "--print"]
    assert world.server.requests == []
    assert snapshot(world.mate) == before


def test_a_fresh_clone_asks_before_anything_is_fetched(world: World) -> None:
    before = snapshot(world.mate)
    for command in (("sync",), ("update",), ("lock",), ("call", "text-tools", "text-stats"), ("sync", "-v")):
        refused = world.mate.run(*command)
        refused.failed(4, f"trust {world.publisher.key} for 'text-tools'; let 'text-tools' use storage")
    assert world.server.requests == []
    assert snapshot(world.mate) == before
    assert not world.mate.store.exists()
    # The hint shows what would be accepted, and accepts nothing.
    shown = world.mate.run(*help_of(world.mate.run("sync"))).ok().out
    assert "let 'text-tools' use storage" in shown
    assert snapshot(world.mate) == before
    world.mate.run("sync", f"--accept-project={shown.rpartition('=')[2].strip()}").ok()
    call(world.mate).ok()


def test_yes_does_not_accept_a_project(world: World) -> None:
    world.mate.run("update", "-y").failed(4, "you have not accepted this project's decisions")
    assert world.server.requests == []


@pytest.mark.parametrize(("value", "accepted"), [("1", True), ("true", True), ("0", False), ("no", False)])
def test_the_environment_variable_accepts_it(world: World, value: str, accepted: bool) -> None:
    result = world.mate.run("sync", env={"TARKPM_ACCEPT_PROJECT": value})
    assert result.status == (0 if accepted else 4)
    assert bool(world.server.requests) == accepted


def test_a_later_widening_asks_again_and_a_narrowing_does_not(world: World) -> None:
    world.sync_fresh().ok()
    toml = world.mate.cwd / "tark.toml"
    replace_in(toml, "[grants]\ntext-tools = { storage = true }", "")
    world.mate.run("sync").ok()
    call(world.mate).ok()
    write(toml, world.toml)
    replace_in(toml, "storage = true", "storage = true, shell = true")
    world.mate.run("sync").failed(4, "let 'text-tools' use shell")
    call(world.mate).failed(4, "let 'text-tools' use shell")


def test_a_dry_run_accepts_nothing(world: World) -> None:
    world.mate.run("sync", "--dry-run", "--accept-project").ok()
    world.mate.run("sync").failed(4, "you have not accepted this project's decisions")


def test_acceptance_is_for_one_place(world: World) -> None:
    """The same documents elsewhere are another project, as far as anybody can tell."""
    other = world.victim.root / "elsewhere"
    other.mkdir(exist_ok=True)
    for name in ("tark.toml", "tark.lock"):
        (other / name).write_bytes((world.victim.cwd / name).read_bytes())
    world.victim.run("sync", cwd=other).failed(4, "you have not accepted")
    assert world.server.requests == []


def test_a_tark_toml_that_is_a_link_to_an_accepted_one(world: World) -> None:
    """A clone may ship a link to where it guesses an accepted project: it is not that project."""
    clone = world.victim.root / "linked"
    clone.mkdir()
    (clone / "tark.toml").symlink_to(world.victim.cwd / "tark.toml")
    (clone / "tark.lock").write_bytes(world.lock)
    records = sorted((world.victim.state / "projects").iterdir())
    before = [path.read_bytes() for path in records]
    result = world.victim.run("sync", cwd=clone)
    after = [path.read_bytes() for path in records]
    for path, data in zip(records, before, strict=True):
        path.write_bytes(data)
    assert after == before
    assert result.status != 0


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[plugins]\nx = 3\n", "tark.toml: plugins"),
        ("[plugins]\nx = '^1'\n", "there is no [index.NAME]"),
        (
            "[plugins]\nx = { git = 'https://a/b', tag = 'b', branch = 'c' }\n",
            "expected one of tag, branch and rev",
        ),
        ("[plugins]\nx = { git = 'https://a/b', rev = 'main' }\n", "rev: expected 40 hexadecimal digits"),
        (f"[plugins]\nx = {{ git = 'https://a/b', commit = '{'1' * 40}' }}\n", "commit belongs in tark.lock"),
        (
            "[plugins]\nx = { git = 'https://a/b', path = '../..' }\n",
            "expected a folder inside the repository",
        ),
        ("[plugins]\nx = { git = 'https://a/b', unsigned = 'yes' }\n", "unsigned: expected true or false"),
        ("[plugins]\nx = { url = 'a' }\n", "expected { git"),
        ("[plugins]\n'../x' = { path = 'a' }\n", "expected at most 64 letters and digits"),
        ("[trust]\nx = 'ed25519:'\n", "expected a list, found a string"),
        ("[grants.x]\nroot = true\n", "root: expected one of storage"),
        ("[grants.x]\nhttp = ['*']\n", "expected a host"),
        ("[grants.x]\nshell = 1\n", "shell: expected true or false"),
        ("[mirror]\nx = 1\n", "is not a known key"),
        ("[tark]\nversion = 'latest'\n", "expected a version like 1.2.3"),
        ("[tark\n", "not valid TOML"),
        ("\xff", "tark.toml"),
        ("x = " + "[" * 5000, "nest too deeply"),
    ],
)
def test_a_tark_toml_that_is_wrong(tmp_path: Path, toml: str, text: str) -> None:
    user = Sandbox(tmp_path)
    (user.cwd / "tark.toml").write_bytes(toml.encode("latin-1"))
    with unchanged(user):
        for command in ("sync", "verify", "list", "update", "lock"):
            user.run(command).failed(2, text, "tark.toml")
        user.run("add", "./x").failed(2)
        user.run("remove", "x").failed(2, text)


def test_a_tark_toml_too_large(tmp_path: Path) -> None:
    user = Sandbox(tmp_path)
    (user.cwd / "tark.toml").write_bytes(b"#" * (1024 * 1024 + 1))
    for command in ("sync", "list"):
        user.run(command).failed(2, "tark.toml", "more than 1,048,576 bytes")


@pytest.mark.parametrize(
    "command", ["doctor", "lock", "lock --dry-run", "update --dry-run", "outdated", "sync"]
)
def test_a_url_alone_has_nobody_called_or_sent_a_token(world: World, command: str) -> None:
    """Nothing but a URL in [plugins]: whose server it is was not agreed to, nor that it may see a token."""
    requests = world.publisher.server.requests
    (world.victim.cwd / "tark.toml").write_text(
        f'[tark]\nversion = "0.12.6"\n[plugins]\nx = {{ git = "{world.publisher.url}" }}\n'
    )
    requests.clear()
    result = world.victim.run(*command.split(), env={"TARKPM_GIT_TOKEN_127_0_0_1": "secret"})
    assert requests == []
    if command.startswith(("lock", "update")):
        result.failed(4, f"fetch 'x' from {world.publisher.url}", "help: tarkpm accept --print")
