"""Keys that change: which chains of roots are followed, and whose signatures count."""

from typing import Final, NamedTuple

import pytest
from securesystemslib.signer import CryptoSigner

from conformance.steps import Stage, keeps_what_was_served, play, refreshes, refuses
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexUntrusted

SIGNERS: Final = [CryptoSigner.generate_ed25519() for _ in range(10)]


class Version(NamedTuple):
    """Of one role: the keys it has, by number, how many must sign, and which did."""

    keys: str
    threshold: int
    signed: str


FOLLOWED: dict[str, list[Version]] = {
    "another key": [Version("1", 1, "1"), Version("2", 1, "21"), Version("2", 1, "2")],
    "another key, and signatures that nobody asked for": [
        Version("1", 1, "314"),
        Version("2", 1, "3214"),
        Version("2", 1, "324"),
    ],
    "any three of five": [
        Version("01234", 3, "024"),
        Version("01234", 3, "041"),
        Version("01234", 3, "013"),
        Version("01234", 3, "013"),
    ],
    "one of five": [Version("01234", 3, "024"), Version("01345", 3, "041")],
    "one of five, by the old ones and then the new ones": [
        Version("01234", 3, "024"),
        Version("01345", 3, "0245"),
        Version("01345", 3, "045"),
    ],
    "all five at once": [
        Version("01234", 3, "024"),
        Version("56789", 3, "024567"),
        Version("56789", 3, "567"),
    ],
    "a higher threshold": [Version("123", 1, "1"), Version("123", 2, "12")],
    "a lower threshold": [Version("123", 2, "12"), Version("123", 1, "12"), Version("123", 1, "1")],
    "a key more, and both must sign": [Version("1", 1, "1"), Version("12", 2, "12")],
}
REFUSED: dict[str, list[Version]] = {
    "not by the old key": [Version("1", 1, "1"), Version("2", 1, "234")],
    "not by the new key": [Version("1", 1, "1"), Version("2", 1, "134")],
    "by three old ones and two of the new": [Version("01234", 3, "024"), Version("01345", 3, "024")],
    "by three new ones and two of the old": [Version("01234", 3, "024"), Version("01345", 3, "045")],
    "short of the new threshold": [Version("123", 1, "1"), Version("123", 2, "2")],
    "short of the old threshold": [Version("123", 2, "12"), Version("123", 1, "1")],
}
SIGNED: dict[str, Version] = {
    "by another key": Version("2", 1, "2"),
    "by the key and by others": Version("1", 1, "314"),
    "by three of five, 0 2 4": Version("01234", 3, "024"),
    "by three of five, 0 4 1": Version("01234", 3, "041"),
    "by three of five, 0 1 3": Version("01234", 3, "013"),
    "by three of five, 1 2 3": Version("01234", 3, "123"),
    "by three of five, 2 3 4": Version("01234", 3, "234"),
}
UNSIGNED: dict[str, Version] = {
    "by every key but the right one": Version("2", 1, "134"),
    "by two, and by one that was replaced": Version("01345", 3, "024"),
    "by two, and three must sign": Version("01345", 3, "04"),
}


def set_keys(stage: Stage, role: str, version: Version) -> None:
    keys, signing = (
        [SIGNERS[int(number)] for number in numbers] for numbers in (version.keys, version.signed)
    )
    stage.repo.set_keys(role, version.threshold, keys, signing)


def publish_roots(stage: Stage, versions: list[Version]) -> None:
    """A chain that begins with the first of them, which is the root the client was given."""
    repo = stage.repo
    repo.again(ROOT, 1)
    for version in versions:
        set_keys(stage, ROOT, version)
        repo.publish(ROOT)
    stage.begin(repo.files["metadata/1.root.json"])


@pytest.mark.parametrize("name", list(FOLLOWED))
def test_a_chain_of_roots_is_followed(stage: Stage, name: str) -> None:
    publish_roots(stage, FOLLOWED[name])
    play([refreshes, keeps_what_was_served(ROOT)], stage)


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_chain_of_roots_is_followed_no_further(stage: Stage, name: str) -> None:
    publish_roots(stage, REFUSED[name])
    play([refuses(IndexUntrusted)], stage)
    assert stage.versions() == {"root": len(REFUSED[name]) - 1}


@pytest.mark.parametrize("name", list(SIGNED))
def test_roles_below_the_root(stage: Stage, name: str) -> None:
    for role in (TIMESTAMP, SNAPSHOT, TOP):
        set_keys(stage, role, SIGNED[name])
        stage.repo.publish(ROOT, TOP, SNAPSHOT, TIMESTAMP)
        play([refreshes, keeps_what_was_served(role)], stage)


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TOP])
@pytest.mark.parametrize("name", list(UNSIGNED))
def test_roles_below_the_root_that_are_not_signed_enough(stage: Stage, name: str, role: str) -> None:
    set_keys(stage, role, UNSIGNED[name])
    stage.repo.publish(ROOT, TOP, SNAPSHOT, TIMESTAMP)
    play([refuses(IndexUntrusted)], stage)
    assert stage.versions().get(role, 0) == 0
