"""Publishers, and what belongs to them: who goes on with whose data, and what stays disabled."""

from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.binding import Origin, Publisher
from tarkpm.core.owner import Owner, claim, current_owner, with_disabled

GIT = Origin("git", "https://git.example/calc.git")
INDEX = Origin("index", "sha256:" + "a" * 64)
FOLDER = Origin("path", "./calc")


def test_a_publisher_goes_on_through_an_ordinary_change() -> None:
    one = Publisher(GIT, ("ed25519:a",))
    assert Publisher(GIT, ("ed25519:a", "ed25519:b")).succeeds(one)
    assert Publisher(GIT, ("ed25519:b",)).succeeds(Publisher(GIT, ("ed25519:a", "ed25519:b")))
    assert Publisher(INDEX, ("ed25519:a", "ed25519:b")).succeeds(Publisher(INDEX, signer="ed25519:a"))
    assert Publisher(INDEX, ("ed25519:a",)).succeeds(Publisher(INDEX))
    assert Publisher(FOLDER, unsigned=True).succeeds(Publisher(FOLDER, unsigned=True))


def test_another_source_or_none_of_the_former_keys_is_another_publisher() -> None:
    one = Publisher(GIT, ("ed25519:a",))
    assert not Publisher(GIT, ("ed25519:b",)).succeeds(one)
    assert not Publisher(INDEX, ("ed25519:a",)).succeeds(one)
    assert not Publisher(GIT, unsigned=True).succeeds(one)
    assert not one.succeeds(Publisher(GIT, unsigned=True))
    assert not Publisher(INDEX, ("ed25519:b",)).succeeds(Publisher(INDEX, ("ed25519:a",)))
    assert not Publisher(INDEX, signer="ed25519:b").succeeds(Publisher(INDEX, signer="ed25519:a"))
    assert not Publisher(GIT, ("ed25519:a",), unsigned=True).succeeds(one)
    elsewhere = Origin("git", GIT.place, "other/folder")
    assert not Publisher(elsewhere, ("ed25519:a",)).succeeds(one)


def test_a_new_publisher_starts_empty_and_a_former_one_finds_its_own() -> None:
    one, other = Publisher(GIT, ("ed25519:a",)), Publisher(INDEX)
    first = claim({}, "calc", one, keep_data=False)
    assert first == (Owner("calc", one),)
    second = claim({"calc": first}, "calc", other, keep_data=False)
    assert second[-1] == Owner("calc@2", other)
    third = claim({"calc": second}, "calc", one, keep_data=False)
    assert third[-1].folder == "calc"
    assert len(third) == 2


def test_a_former_publisher_beside_the_current_one_does_not_open_its_folder() -> None:
    """Adding the former key does not give the current publisher's code what the former one stored."""
    one, other = Publisher(GIT, ("ed25519:a",)), Publisher(GIT, ("ed25519:b",))
    owners = {"calc": claim({}, "calc", one, keep_data=False)}
    owners = {"calc": claim(owners, "calc", other, keep_data=False)}
    both = claim(owners, "calc", Publisher(GIT, ("ed25519:a", "ed25519:b")), keep_data=False)
    assert both[-1].folder == "calc@2"


def test_the_user_may_hand_the_data_over() -> None:
    one, other = Publisher(GIT, ("ed25519:a",)), Publisher(INDEX)
    owners = {"calc": claim({}, "calc", one, keep_data=False)}
    assert claim(owners, "calc", other, keep_data=True) == (Owner("calc", other),)


def test_data_of_a_former_tarkpm_goes_to_what_is_installed() -> None:
    one = Publisher(GIT, ("ed25519:a",))
    owners = {"calc": (Owner("calc", disabled=True),)}
    assert claim(owners, "calc", one, keep_data=False) == (Owner("calc", one, disabled=True),)


def test_a_disabled_name_stays_disabled_for_every_publisher() -> None:
    one, other = Publisher(GIT, ("ed25519:a",)), Publisher(INDEX)
    owners = {"calc": claim({}, "calc", one, keep_data=False)}
    owners = with_disabled(owners, {"calc": True, "unknown": True})
    assert claim(owners, "calc", other, keep_data=False)[-1].disabled
    assert current_owner(owners, "calc").disabled
    assert current_owner(owners, "unknown") == Owner("unknown", Publisher())


PUBLISHERS = st.builds(
    Publisher,
    st.sampled_from((GIT, INDEX, FOLDER)),
    st.sets(st.sampled_from(("ed25519:a", "ed25519:b", "ed25519:c"))).map(lambda keys: tuple(sorted(keys))),
    unsigned=st.booleans(),
)


@given(st.lists(PUBLISHERS, min_size=1, max_size=8))
def test_no_folder_is_shared_by_publishers_of_whom_none_follows_the_other(
    publishers: list[Publisher],
) -> None:
    owners: dict[str, tuple[Owner, ...]] = {}
    held: dict[str, Publisher] = {}
    for publisher in publishers:
        owners["calc"] = claim(owners, "calc", publisher, keep_data=False)
        folder = owners["calc"][-1].folder
        if folder in held:
            assert publisher.succeeds(held[folder])
        held[folder] = publisher
    folders = [owner.folder for owner in owners["calc"]]
    assert len(folders) == len(set(folders))


BY, OTHER = (f"github:{name}/x/.github/workflows/r.yml@refs/tags/*" for name in ("owner", "other"))


def test_a_publisher_without_keys_is_its_identity() -> None:
    origin = Origin("git", "https://x.example/x")
    keyless = Publisher(origin, (BY,), identity=BY)
    assert keyless.is_keyless
    for another in (
        Publisher(origin, ("ed25519:a",), identity=BY),
        Publisher(origin, (OTHER,), identity=OTHER),
        Publisher(origin, unsigned=True, identity=BY),
    ):
        assert not another.succeeds(keyless)
        assert not keyless.succeeds(another)
    assert keyless.succeeds(keyless)
    for keyed in (
        Publisher(origin, ("ed25519:a",), identity=BY),
        Publisher(origin, identity=BY),
        Publisher(origin),
    ):
        assert not keyed.is_keyless
    assert not Publisher(origin, ("",)).is_keyless
