"""A pull removes the pin of an index's plugin, or changes who signs it: that is for the user to accept."""

from support.pull_requests import Forge
from support.sandbox import Sandbox

from attacks.test_attack_source_swap import documents, install, option, refused, victim

__all__ = ["victim"]


def test_a_pin_removed_and_a_release_by_the_rotated_key(forged: Forge, victim: Sandbox) -> None:
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first, first.signer))
    unpinned = f"let any signer that the index vouches for publish 'calc' (before: {first.signer})"
    refused(victim, documents(forged, second), unpinned)
    refused(victim, documents(forged, first), unpinned)


def test_a_pin_changed(forged: Forge, victim: Sandbox) -> None:
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first, first.signer))
    refused(
        victim,
        documents(forged, second, second.signer),
        f"trust {second.signer} for 'calc' (before: {first.signer})",
    )


def test_without_a_pin_another_signer_is_asked_about(forged: Forge, victim: Sandbox) -> None:
    """Rule 5 blocks a changed key when the lead updates; it does when a colleague pulls, too."""
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first))
    refused(
        victim, documents(forged, second), f"change the signer of 'calc': {first.signer} → {second.signer}"
    )


def test_an_entry_that_is_dropped_makes_no_new_start(forged: Forge, victim: Sandbox) -> None:
    """Out with one pull, in with the next: the signer of before is remembered."""
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first))
    (victim.cwd / "tark.lock").write_text("version = 1\n")
    victim.run("sync").failed(1, "'calc' is in tark.toml, but not in tark.lock")
    victim.run("lock", "-y").failed(4, "'calc' is signed by a different key")
    refused(victim, documents(forged, second), f"change the signer of 'calc': {first.signer}")


def test_pinning_is_a_narrowing(forged: Forge, victim: Sandbox) -> None:
    first = option(forged, "good ed25519")
    install(victim, documents(forged, first))
    documents(forged, first, first.signer).write(victim.cwd)
    victim.run("sync").ok()
    refused(victim, documents(forged, first), "let any signer that the index vouches for publish 'calc'")


def test_a_signer_that_was_taken_back_is_asked_about_before_it_returns(
    forged: Forge, victim: Sandbox
) -> None:
    """Its release is still locked and installed, and no longer allowed: nothing of it is remembered."""
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first, first.signer, second.signer))
    documents(forged, first, second.signer).write(victim.cwd)
    victim.run("sync", "--accept-project").failed(3, "which [trust] does not list")
    again = documents(forged, first, first.signer, second.signer)
    refused(victim, again, f"trust {first.signer} for 'calc' (before: {second.signer})")
