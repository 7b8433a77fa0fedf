"""A pull moves a plugin to somebody else's code while no single line looks wider (trust rule 0)."""

from pathlib import Path

import pytest
from support.pull_requests import Choice, Documents, Forge, Option
from support.sandbox import Sandbox

from attacks.tampering import unchanged

GRANTS = frozenset({"storage = true", "shell = true"})
HELD = "calc"


@pytest.fixture
def victim(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path / "victim")


def option(forged: Forge, label: str, number: int = 0) -> Option:
    return [one for one in forged.options[HELD] if label in one.label][number]


def documents(forged: Forge, release: Option, *trust: str) -> Documents:
    """The project with one plugin from this release; both indexes are always there."""
    urls = tuple((name, forged.servers[name].url, repo.root_digest) for name, repo in forged.repos.items())
    return Documents((Choice(release, frozenset(trust), GRANTS),), urls)


def install(victim: Sandbox, state: Documents) -> None:
    state.write(victim.cwd)
    victim.run("sync", "--accept-project").ok()
    victim.run("call", HELD, "save-note", '{"key":"token","text":"s3cret"}').ok()


def has_token(victim: Sandbox) -> bool:
    """Whether the plugin that is installed now finds what was stored by `install`."""
    data = (victim.plugins / HELD / "data").resolve()
    return any(b"s3cret" in file.read_bytes() for file in data.rglob("*") if file.is_file())


def refused(victim: Sandbox, state: Documents, *sentences: str) -> None:
    """Every door asks, and what was installed stays as it was."""
    state.write(victim.cwd)
    with unchanged(victim):
        for command in (
            ("sync",),
            ("sync", "--offline"),
            ("update",),
            ("call", HELD, "text-stats", "{}"),
            ("add", "https://example.invalid/x"),
        ):
            victim.run(*command).failed(4, "you have not accepted this project's decisions", *sentences)
        victim.run("sync", "--dry-run").failed(4, *sentences)
        victim.run("verify").failed(4, *(f"not accepted by you: {sentence}" for sentence in sentences))


def test_from_git_to_an_accepted_index(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "other ed25519")
    install(victim, documents(forged, mine, mine.signer))
    sentence = f"change the source of 'calc': {mine.place} → the index 'other' ({theirs.place})"
    refused(victim, documents(forged, theirs), sentence)
    refused(victim, documents(forged, theirs, theirs.signer), sentence, "let 'calc' use shell")


def test_from_one_accepted_index_to_another(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good ed25519"), option(forged, "other ed25519")
    install(victim, documents(forged, mine))
    refused(
        victim,
        documents(forged, theirs),
        f"change the source of 'calc': the index 'good' ({mine.place}) → the index 'other' ({theirs.place})",
    )


def test_from_one_repository_to_another(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "evil-calc.git@v1.0.0")
    install(victim, documents(forged, mine, mine.signer))
    refused(
        victim,
        documents(forged, theirs, theirs.signer),
        f"change the source of 'calc': {mine.place} → {theirs.place}",
        f"trust {theirs.signer} for 'calc'",
        "let 'calc' use shell",
    )


def test_what_was_stored_stays_with_its_publisher(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "other ed25519")
    install(victim, documents(forged, mine, mine.signer))
    assert has_token(victim)
    documents(forged, theirs).write(victim.cwd)
    note = "start 'calc' without the data of the previous one (--keep-data hands it over)"
    victim.run("sync").failed(4, note)
    victim.run("sync", "--accept-project").ok()
    assert not has_token(victim)
    documents(forged, mine, mine.signer).write(
        victim.cwd
    )  # the pull is reverted: what it left is there again
    victim.run("sync", "--accept-project").ok()
    assert has_token(victim)


def test_a_user_may_hand_it_over(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "other ed25519")
    install(victim, documents(forged, mine, mine.signer))
    documents(forged, theirs).write(victim.cwd)
    victim.run("sync", "--keep-data").failed(4, "hand the data of the previous 'calc' to the new one")
    victim.run("sync", "--accept-project", "--keep-data").ok()
    assert has_token(victim)


def test_add_from_somewhere_else_asks_for_every_grant_again(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "evil-calc.git@v1.0.0")
    install(victim, documents(forged, mine, mine.signer))
    with unchanged(victim):
        add = ("add", theirs.place, "--tag", "v1.0.0", "--trust", theirs.signer, "-y")
        victim.run(*add).failed(4, "'calc' asks for", "shell", "--accept-capabilities")


def test_an_index_whose_nickname_is_given_to_another(forged: Forge, victim: Sandbox) -> None:
    mine = option(forged, "good ed25519")
    state = documents(forged, mine)
    install(victim, state)
    other = forged.repos["other"]
    moved = Documents(state.choices, (("good", forged.servers["other"].url, other.root_digest),))
    moved.write(victim.cwd)
    token = {"TARKPM_INDEX_GOOD_TOKEN": "s3cret"}
    refused = victim.run("sync", env=token).failed(
        4, "take plugins from the index 'good' at", "send the token in"
    )
    assert "s3cret" not in refused.err
