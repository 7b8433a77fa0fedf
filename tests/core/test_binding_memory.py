"""What a binding is of, what it remembers of a former one, and which folders owners get."""

import msgspec
import pytest

from tarkpm.core.binding import (
    MAX_RELEASES,
    AcceptedRelease,
    Binding,
    Origin,
    Publisher,
    contents_digest,
    revision,
)
from tarkpm.core.digest import Digest, FileEntry, sha256
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.owner import Owner, claim, with_disabled
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource, PluginName, Source
from tarkpm.core.tool import ToolPin
from tarkpm.core.version import Version

A, B = "ed25519:a", "ed25519:b"
ROOT = "sha256:" + "a" * 64
GIT = GitSource("https://git.example/calc.git", path="sub", commit="c" * 40)
OCI = OciSource("oci.example/calc", digest="sha256:" + "d" * 64)


@pytest.mark.parametrize(
    ("source", "origin", "text", "at"),
    [
        (GIT, Origin("git", GIT.git, "sub"), f"{GIT.git} folder sub", "c" * 40),
        (GitSource(GIT.git), Origin("git", GIT.git), GIT.git, ""),
        (IndexSource("community", ROOT), Origin("index", ROOT), f"the index with root {ROOT}", ""),
        (OCI, Origin("oci", OCI.oci), f"oci://{OCI.oci}", OCI.digest),
        (PathSource("../x"), Origin("path", "../x"), "../x", ""),
    ],
)
def test_the_origin_of_a_source(source: Source, origin: Origin, text: str, at: str) -> None:
    assert Origin.of(source) == origin
    assert str(origin) == text
    assert revision(source) == at


def test_an_index_vouches_and_nobody_else_does() -> None:
    assert Publisher(Origin("index", ROOT)).is_vouched
    assert not Publisher(Origin("git", GIT.git)).is_vouched
    assert not Publisher().is_vouched


def test_a_publisher_without_keys_goes_on_as_one_with_keys_and_the_other_way_round() -> None:
    place = Origin("index", ROOT)
    assert Publisher(place).succeeds(Publisher(place, (A,)))
    assert Publisher(place, (A,)).succeeds(Publisher(place))
    assert not Publisher(place, (B,)).succeeds(Publisher(place, (A,)))


GIT_PLACE, BY = Origin("git", GIT.git), "github:o/r/.github/workflows/release.yml@refs/tags/*"


@pytest.mark.parametrize(
    ("publisher", "is_nobody", "has_first_key"),
    [
        (Publisher(GIT_PLACE), True, True),
        (Publisher(Origin("oci", OCI.oci)), True, True),
        (Publisher(GIT_PLACE, signer=A), True, True),  # what a lock says makes nobody a publisher
        (Publisher(GIT_PLACE, (A,)), False, False),
        (Publisher(GIT_PLACE, (BY,), identity=BY), False, False),
        (Publisher(GIT_PLACE, unsigned=True), False, True),
        (Publisher(Origin("index", ROOT)), False, False),
        (Publisher(Origin("path", "x")), True, False),
        (Publisher(), False, False),  # decisions about a name that nothing requires
    ],
)
def test_a_source_from_which_nobody_may_sign(
    publisher: Publisher, is_nobody: bool, has_first_key: bool
) -> None:
    assert publisher.is_nobody is is_nobody
    asked = msgspec.structs.replace(publisher, identity=BY)
    assert asked.first_key_by == (BY if has_first_key else "")
    assert publisher.first_key_by == ""


# -- releases


def entry(*files: FileEntry, source: Source = GIT, version: str = "1.0.0") -> LockEntry:
    return LockEntry(PluginName("calc"), Version.parse(version), "tool", source, files=files)


ONE, TWO = FileEntry("a b", Digest("1" * 64), 5), FileEntry("c", Digest("2" * 64), 6)


def test_the_digest_of_contents_is_of_names_digests_and_sizes() -> None:
    text = f"{'1' * 64} 5 a b\n{'2' * 64} 6 c\n"
    assert contents_digest(entry(ONE, TWO)) == f"sha256:{sha256(text.encode())}"


def test_an_accepted_release_is_that_of_its_entry() -> None:
    found = AcceptedRelease.of(entry(ONE, version="1.2.0-rc.1"))
    assert found == AcceptedRelease("1.2.0-rc.1", contents_digest(entry(ONE)), "c" * 40)
    assert found.precedence == Version.parse("1.2.0-rc.1")


@pytest.mark.parametrize(
    ("other", "is_republished"),
    [
        (AcceptedRelease("1.0.0", "two", "y"), True),
        (AcceptedRelease("1.0.0", "two", "x"), False),  # of the same commit: verifying it fails
        (AcceptedRelease("1.0.0", "one", "y"), False),
        (AcceptedRelease("1.1.0", "two", "y"), False),
    ],
)
def test_other_contents_under_a_version(other: AcceptedRelease, is_republished: bool) -> None:
    assert other.republishes(AcceptedRelease("1.0.0", "one", "x")) is is_republished


# -- what is remembered

HERE = Origin("index", ROOT)
PINS = tuple(ToolPin(name, "write", Digest("1" * 64)) for name in ("run", "stop"))
KNOWN = Binding(Publisher(HERE, signer=A), contents="sha256:one", tools=PINS)


def test_what_the_lock_does_not_say_is_remembered() -> None:
    bare = Binding(Publisher(HERE))
    assert bare.remembering(KNOWN) == KNOWN
    assert KNOWN.remembering(bare) == KNOWN
    assert bare.remembering(bare) == bare
    elsewhere = Binding(Publisher(Origin("path", "x")))
    assert elsewhere.remembering(KNOWN) == elsewhere


def test_what_the_lock_says_comes_first() -> None:
    new = Binding(Publisher(HERE, signer=B), contents="sha256:two", tools=())
    kept = new.remembering(KNOWN)
    assert (kept.publisher.signer, kept.contents) == (B, "sha256:two")


def test_a_signer_that_the_pins_leave_out_is_forgotten() -> None:
    pinned = Binding(Publisher(HERE, (B,)))
    assert pinned.remembering(KNOWN).publisher == Publisher(HERE, (B,))
    both = Binding(Publisher(HERE, (A, B)))
    assert both.remembering(KNOWN).publisher == Publisher(HERE, (A, B), A)


def test_pins_of_tools_that_are_gone_are_kept_and_others_replaced() -> None:
    run, stop = PINS
    changed = msgspec.structs.replace(run, sha256=Digest("2" * 64))
    now = msgspec.structs.replace(KNOWN, tools=(changed,))
    assert now.remembering(KNOWN).tools == (changed, stop)
    assert msgspec.structs.replace(KNOWN, tools=()).remembering(KNOWN).tools == PINS
    assert msgspec.structs.replace(KNOWN, tools=(run,)).remembering(Binding(Publisher(HERE))).tools == (run,)


def test_the_highest_releases_are_remembered() -> None:
    def bound(*minors: int) -> Binding:
        return Binding(Publisher(HERE), releases=tuple(AcceptedRelease(f"1.{n}.0", "x") for n in minors))

    found = bound(5).remembering(bound(*range(40))).releases
    assert [one.version for one in found] == [f"1.{n}.0" for n in range(39, 39 - MAX_RELEASES, -1)]


def test_a_release_is_compared_with_all_that_were_accepted() -> None:
    def of(version: str, contents: str) -> AcceptedRelease:
        return AcceptedRelease(version, contents, f"commit of {contents}")

    known = Binding(
        Publisher(HERE), releases=(of("1.9.0", "nine"), of("1.10.0", "ten"), of("1.9.0", "again"))
    )
    assert known.highest == of("1.10.0", "ten")
    assert [known.has_version_of(of(version, "x")) for version in ("1.9.0", "1.10.0", "1.11.0")] == [
        True, True, False,
    ]  # fmt: skip
    assert not known.is_republished(of("1.11.0", "x"))  # a version of its own
    assert known.is_republished(of("1.9.0", "x"))
    assert not known.is_republished(of("1.9.0", "again"))  # one of two that were accepted
    assert not Binding(Publisher(HERE)).is_republished(of("1.9.0", "x"))
    with pytest.raises(ValueError, match="empty"):
        _ = Binding(Publisher(HERE)).highest


# -- owners


def test_only_the_current_owner_is_disabled() -> None:
    former, current = Owner("calc", Publisher(HERE)), Owner("calc@2", Publisher())
    assert with_disabled({"calc": (former, current)}, {"calc": True}) == {
        "calc": (former, Owner("calc@2", Publisher(), disabled=True))
    }


def test_an_owner_whose_publisher_is_not_known_does_not_return() -> None:
    unknown, current = Owner("calc"), Owner("calc@2", Publisher(HERE, (A,)))
    found = claim({"calc": (unknown, current)}, "calc", Publisher(Origin("path", "x")), keep_data=False)
    assert found[-1].folder == "calc@3"


def test_handing_the_data_over_needs_data_and_gives_way_to_a_former_owner() -> None:
    one, other = Publisher(HERE, (A,)), Publisher(Origin("path", "x"))
    assert claim({}, "calc", one, keep_data=True) == (Owner("calc", one),)
    owners = {"calc": (Owner("calc", one), Owner("calc@2", other))}
    assert claim(owners, "calc", one, keep_data=True)[-1].folder == "calc"
    third = Publisher(Origin("path", "y"))
    assert claim(owners, "calc", third, keep_data=True)[-1].folder == "calc@2"


def test_a_former_owner_that_was_disabled_stays_so() -> None:
    one, other = Publisher(HERE, (A,)), Publisher(Origin("path", "x"))
    owners = {"calc": (Owner("calc", one, disabled=True), Owner("calc@2", other))}
    assert claim(owners, "calc", one, keep_data=False)[-1].disabled


def test_a_free_folder_is_the_first_number_that_nobody_has() -> None:
    places = [Publisher(Origin("path", name)) for name in "xyz"]
    owners = {"calc": (Owner("calc", places[0]), Owner("calc@3", places[1]))}
    assert claim(owners, "calc", places[2], keep_data=False)[-1].folder == "calc@2"
    owners = {"calc": (Owner("calc", places[0]), Owner("calc@2", places[1]))}
    assert claim(owners, "calc", places[2], keep_data=False)[-1].folder == "calc@3"


def test_grants_are_capabilities() -> None:
    texts = ("storage", "http:a.example")
    found = msgspec.structs.replace(KNOWN, grants=texts).granted
    assert {str(one) for one in found} == {*texts}
