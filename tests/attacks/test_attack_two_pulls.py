"""What one pull request may not do, two may not do either, whatever the user does in between."""

import re
from pathlib import Path

from support.pull_requests import Forge
from support.sandbox import Sandbox

from attacks.test_attack_source_swap import HELD, documents, install, option, victim

__all__ = ["victim"]


def has_token(victim: Sandbox) -> bool:
    """Whether the host would give the plugin what `install` stored; the data link must say the same."""
    found = re.search(r"Data:\s+(.*)", victim.run("info", HELD).ok().out)
    assert found is not None
    assert Path(found[1]) == (victim.plugins / HELD / "data").readlink()
    return any(b"s3cret" in file.read_bytes() for file in Path(found[1]).rglob("*") if file.is_file())


def test_two_keys_are_pinned_and_then_the_signer_changes(forged: Forge, victim: Sandbox) -> None:
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first))
    documents(forged, first, first.signer, second.signer).write(victim.cwd)
    victim.run("sync").failed(4, f"trust {second.signer} for 'calc' (before: {first.signer})")


def test_a_key_is_taken_away_with_a_question_and_comes_back(forged: Forge, victim: Sandbox) -> None:
    """The user answers the first pull with `revoke` alone: what it took away is not accepted any more."""
    good, stolen = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.1.0")
    install(victim, documents(forged, good, good.signer, stolen.signer))
    documents(forged, good, good.signer).write(victim.cwd)
    toml = victim.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace("shell = true", 'shell = true, env = ["HOME"]'))
    victim.run("revoke", HELD, "shell").ok()
    documents(forged, stolen, good.signer, stolen.signer).write(victim.cwd)
    toml.write_text(toml.read_text().replace("shell = true, ", ""))
    victim.run("sync").failed(4, f"trust {stolen.signer} for 'calc'")


def test_the_former_key_is_added_beside_the_current_one(forged: Forge, victim: Sandbox) -> None:
    good, other = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.1.0")
    install(victim, documents(forged, good, good.signer))
    for trusted in ((other.signer,), (other.signer, good.signer), (other.signer,)):
        documents(forged, other, *trusted).write(victim.cwd)
        victim.run("sync", "--accept-project").ok()
        assert not has_token(victim)


def test_a_signed_plugin_becomes_unsigned_and_keeps_its_trust_line(forged: Forge, victim: Sandbox) -> None:
    signed, unsigned = option(forged, "good-calc.git@v1.0.0"), option(forged, "good-calc.git@v1.2.0")
    install(victim, documents(forged, signed, signed.signer))
    documents(forged, unsigned, signed.signer).write(victim.cwd)
    victim.run("sync").failed(4, "start 'calc' without the data of the previous one")
    victim.run("sync", "--accept-project").ok()
    assert not has_token(victim)


def test_another_signer_of_an_index_starts_empty(forged: Forge, victim: Sandbox) -> None:
    first, second = option(forged, "good ed25519"), option(forged, "good ed25519", 1)
    install(victim, documents(forged, first))
    documents(forged, second).write(victim.cwd)
    victim.run("sync").failed(4, "change the signer of 'calc'", "start 'calc' without the data")
    victim.run("sync", "--accept-project").ok()
    assert not has_token(victim)
    documents(forged, first).write(victim.cwd)
    victim.run("sync").failed(4, "give 'calc' the data that this publisher stored here before")
    victim.run("sync", "--accept-project").ok()
    assert has_token(victim)


def test_a_data_link_that_leads_elsewhere_is_made_again(forged: Forge, victim: Sandbox) -> None:
    good = option(forged, "good-calc.git@v1.0.0")
    install(victim, documents(forged, good, good.signer))
    link = victim.plugins / HELD / "data"
    link.unlink()
    link.symlink_to(victim.root)
    victim.run("verify").failed(1)
    lock = victim.cwd / "tark.lock"
    lock.write_text(lock.read_text() + "\n")  # not settled: sync looks
    victim.run("sync").ok()
    assert has_token(victim)


def test_the_pinned_digest_counts_when_nothing_is_to_do(forged: Forge, victim: Sandbox) -> None:
    good = option(forged, "good-calc.git@v1.0.0")
    install(victim, documents(forged, good, good.signer))
    victim.run("sync", f"--accept-project=sha256:{'0' * 64}").failed(4, "have the digest")
