"""A plugin that the user disabled does not run again because two pulls took its entry out and put it in."""

from support.pull_requests import Documents, Forge
from support.sandbox import Sandbox

from attacks.test_attack_source_swap import HELD, documents, install, option, victim

__all__ = ["victim"]


def test_out_and_in(forged: Forge, victim: Sandbox) -> None:
    mine = option(forged, "good-calc.git@v1.0.0")
    state = documents(forged, mine, mine.signer)
    install(victim, state)
    victim.run("disable", HELD).ok()
    Documents((), state.urls).write(victim.cwd)
    victim.run("sync").ok()
    state.write(victim.cwd)
    victim.run("sync", "--accept-project").ok()
    victim.run("call", HELD, "text-stats", '{"text":"a"}').failed(1, "'calc' is disabled")
    victim.run("enable", HELD).ok()
    victim.run("call", HELD, "text-stats", '{"text":"a"}').ok()


def test_in_from_somewhere_else(forged: Forge, victim: Sandbox) -> None:
    mine, theirs = option(forged, "good-calc.git@v1.0.0"), option(forged, "other ed25519")
    state = documents(forged, mine, mine.signer)
    install(victim, state)
    victim.run("disable", HELD).ok()
    Documents((), state.urls).write(victim.cwd)
    victim.run("sync").ok()
    documents(forged, theirs).write(victim.cwd)
    victim.run("sync", "--accept-project").ok()
    victim.run("call", HELD, "text-stats", '{"text":"a"}').failed(1, "'calc' is disabled")
