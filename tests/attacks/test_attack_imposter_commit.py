"""An unsigned plugin was accepted as certain bytes: the lock alone cannot make it others'."""

from support.pull_requests import Forge
from support.sandbox import Sandbox

from attacks.tampering import help_of
from attacks.test_attack_source_swap import documents, install, option, refused, victim

__all__ = ["victim"]


def test_a_forks_commit_under_the_accepted_tag(forged: Forge, victim: Sandbox) -> None:
    honest, fork = option(forged, "good-calc.git@v1.2.0"), option(forged, "(a fork's commit)")
    assert (honest.requirement, honest.place) == (fork.requirement, fork.place)
    install(victim, documents(forged, honest))
    refused(victim, documents(forged, fork), "run 'calc' unsigned with these contents: sha256:")


def test_what_update_takes_is_accepted_with_it(forged: Forge, victim: Sandbox) -> None:
    honest = option(forged, "good-calc.git@v1.2.0")
    install(victim, documents(forged, honest))
    victim.run("update", "--allow-unsigned", "calc").ok()
    victim.run("sync").ok()
    victim.run("verify").ok()


def test_from_signed_to_unsigned(forged: Forge, victim: Sandbox) -> None:
    signed, unsigned = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.2.0")
    install(victim, documents(forged, signed, signed.signer))
    refused(victim, documents(forged, unsigned), f"install 'calc' unsigned from {unsigned.place}")


def test_a_signed_plugin_whose_trust_is_dropped_stays_signed_for_update(
    forged: Forge, victim: Sandbox
) -> None:
    """Once signed, always signed: the key that was accepted is remembered though no document names it."""
    signed, unsigned = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.2.0")
    install(victim, documents(forged, signed, signed.signer))
    documents(forged, unsigned).write(victim.cwd)
    (victim.cwd / "tark.lock").write_text("version = 1\n")
    asked = victim.run("update", "--allow-unsigned", "calc").failed(4, "install 'calc' unsigned")
    assert help_of(asked) == ["accept", "--print"]
