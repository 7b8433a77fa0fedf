"""What was accepted is replaced by what is decided now: what a team took away is asked about before it returns."""

from dataclasses import replace

from support.pull_requests import Documents, Forge
from support.sandbox import Sandbox

from attacks.test_attack_source_swap import documents, install, option, refused, victim

__all__ = ["victim"]


def test_a_stolen_key_and_shell_come_back(forged: Forge, victim: Sandbox) -> None:
    mine, stolen = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.1.0")
    both = documents(forged, mine, mine.signer, stolen.signer)
    install(victim, both)
    without = documents(forged, mine, mine.signer)
    without = Documents((replace(without.choices[0], grants=frozenset({"storage = true"})),), without.urls)
    without.write(victim.cwd)
    victim.run("sync").ok()
    later = documents(forged, stolen, mine.signer, stolen.signer)
    refused(
        victim, later, f"trust {stolen.signer} for 'calc' (before: {mine.signer})", "let 'calc' use shell"
    )


def test_a_plugin_that_left_is_new_when_it_returns(forged: Forge, victim: Sandbox) -> None:
    mine = option(forged, "good-calc.git@v1.0.0")
    state = documents(forged, mine, mine.signer)
    install(victim, state)
    Documents((), state.urls).write(victim.cwd)
    victim.run("sync").ok()
    state.write(victim.cwd)
    victim.run("sync").failed(4, f"fetch 'calc' from {mine.place}", "let 'calc' use shell")


def test_an_index_that_left_is_new_when_it_returns(forged: Forge, victim: Sandbox) -> None:
    mine = option(forged, "good-calc.git@v1.0.0")
    state = documents(forged, mine, mine.signer)
    install(victim, state)
    Documents(state.choices, ()).write(victim.cwd)
    victim.run("sync").ok()
    state.write(victim.cwd)
    victim.run("sync").failed(4, "take plugins from the index 'good' at")


def test_revoking_without_having_accepted_narrows_all_the_same(forged: Forge, victim: Sandbox) -> None:
    mine, stolen = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.1.0")
    install(victim, documents(forged, mine, mine.signer))
    pulled = documents(forged, mine, mine.signer, stolen.signer)
    pulled.write(victim.cwd)
    victim.run("revoke", "calc", "shell").ok()
    victim.run("sync").failed(4, f"trust {stolen.signer} for 'calc'")
    documents(forged, mine, mine.signer).write(victim.cwd)
    victim.run("sync").failed(4, "let 'calc' use shell")
