"""Unsigned releases: never by accident, never with -y, never where there was a signature; always visible."""

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call, commit_as, help_of, install, installed_files, rename, unchanged


def test_unsigned_needs_to_be_allowed_by_name(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    with unchanged(sandbox):
        for flags in (
            (),
            ("-y",),
            ("-y", "--accept-capabilities"),
            ("--allow-unsigned", "other", "--accept-capabilities"),
        ):
            asked = sandbox.run("add", publisher.url, "--tag", "v1.0.0", *flags).failed(
                4, "'text-tools' is not signed"
            )
    sandbox.run(*help_of(asked)).ok()
    assert "unsigned = true" in (sandbox.cwd / "tark.toml").read_text()
    assert "UNSIGNED" in sandbox.run("list").ok().out
    assert "UNSIGNED" in sandbox.run("info", "text-tools").ok().out
    assert "unsigned: no publisher vouches for it" in sandbox.run("verify").ok().out
    rows = sandbox.run("list", "--json").ok().json["plugins"]
    assert [row["signer"] for row in rows] == ["UNSIGNED"]
    call(sandbox).ok()


def test_it_is_marked_before_it_is_taken(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    shown = sandbox.run(
        "add", publisher.url, "--allow-unsigned", "text-tools", "--accept-capabilities", "--dry-run"
    ).ok()
    assert "UNSIGNED: no publisher vouches for these contents" in shown.err
    assert not list(sandbox.plugins.glob("*"))


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("-y",),
        ("--allow-unsigned", "text-tools"),
        ("--allow-unsigned", "text-tools", "-y", "--accept-capabilities", "--allow-republished"),
    ],
)
def test_once_signed_always_signed(sandbox: Sandbox, publisher: Publisher, flags: tuple[str, ...]) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    publisher.release("1.1.0", sign="")
    with unchanged(sandbox):
        sandbox.run("update", *flags).failed(4, "'text-tools' was signed before, but this release is not")
        sandbox.run("add", publisher.url, "--tag", "v1.1.0", *flags).failed(4, "was signed before")
    call(sandbox).ok()


def test_the_way_out_of_a_lost_signature(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    publisher.release("1.1.0", sign="")
    refused = sandbox.run("add", publisher.url, "--tag", "v1.1.0").failed(4, "was signed before")
    sandbox.run(*help_of(refused)).ok()
    sandbox.run(
        "add", publisher.url, "--tag", "v1.1.0", "--allow-unsigned", "text-tools", "--accept-capabilities"
    ).ok()


def test_a_statement_taken_away_from_the_same_version(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    (publisher.folder / "plugin.dsse.json").unlink()
    commit_as(publisher, "v1.0.0")
    good = installed_files(sandbox)
    with unchanged(sandbox):
        sandbox.run("update", "--allow-unsigned", "text-tools").failed(4, "was signed before")
    assert installed_files(sandbox) == good


def test_a_teammate_must_accept_it_too(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    sandbox.run("add", publisher.url, "--allow-unsigned", "text-tools", "--accept-capabilities").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    publisher.server.requests.clear()
    mate.run("sync").failed(4, f"install 'text-tools' unsigned from {publisher.url}")
    assert publisher.server.requests == []
    mate.run("sync", "--accept-project").ok()


def test_a_name_that_differs_by_a_dash_does_not_shed_a_signature(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """text_tools is text-tools: to take it as new would forget the key, the version and the grants."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    rename(publisher, "text_tools", "0.1.0", sign="")
    with unchanged(sandbox):
        refused = sandbox.run(
            "update", "text-tools", "--allow-unsigned", "text_tools", "--accept-capabilities"
        )
        assert refused.status != 0, refused
