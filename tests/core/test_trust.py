"""Whether a locked release may be trusted: its signer, its index, its lack of a signature."""

import msgspec
import pytest
from support.ci_runs import IDENTITY, IDS, run_of

from core.test_policy_index import INDEX, NAME, ONE, TWO, candidate, vouched
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.keyless import check_keyless
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, PathSource, Requirement
from tarkpm.core.trust import check_minimum, check_run, check_trusted, check_vouched
from tarkpm.core.version import Version
from tarkpm.errors import KeyUntrusted, ResolutionError, Unreachable, UnsignedRefused

GIT = GitSource("https://git.example/demo.git", commit="c" * 40)
LISTED = candidate().entry()
FETCHED = msgspec.structs.replace(LISTED, source=GIT)
BY = CiIdentity.parse(IDENTITY + IDS)


def project(*keys: str, unsigned: bool = False) -> Project:
    requirement = Requirement(NAME, GIT, unsigned=unsigned)
    return Project(requirements={NAME: requirement}, trust={NAME: keys} if keys else {})  # type: ignore[dict-item]


def test_a_release_for_a_newer_tark_is_refused() -> None:
    one, two = Version.parse("1.0.0"), Version.parse("2.0.0")
    for minimum, tark in ((None, one), (one, None), (one, one), (one, two)):
        check_minimum("demo", minimum, tark)
    with pytest.raises(ResolutionError, match=r"'demo' requires tark 2\.0\.0 or newer"):
        check_minimum("demo", two, one)


def test_an_index_vouches_and_pins_narrow_it() -> None:
    for keys in ((), (ONE,), (TWO, ONE)):
        check_trusted(project(*keys), LISTED, vouched())
    with pytest.raises(KeyUntrusted, match="which \\[trust\\] does not list") as found:
        check_trusted(project(TWO), LISTED, vouched())
    assert found.value.where == "tark.lock"
    with pytest.raises(Unreachable):
        check_trusted(project(ONE), LISTED, Vouched())
    with pytest.raises(KeyUntrusted):
        check_trusted(
            project(), LISTED, Vouched({INDEX.root: {NAME: Claim(NAME, TWO)}}, {INDEX.root: frozenset()})
        )


@pytest.mark.parametrize(
    "lacks", [{"signer": None}, {"statement": None}, {"signer": None, "statement": None}]
)
def test_an_index_has_no_unsigned_release(lacks: dict[str, None]) -> None:
    with pytest.raises(UnsignedRefused):
        check_vouched(msgspec.structs.replace(LISTED, **lacks), INDEX, vouched())


def test_in_git_the_project_names_the_keys() -> None:
    check_trusted(project(ONE), FETCHED)
    for keys in ((), (TWO,)):
        with pytest.raises(KeyUntrusted) as found:
            check_trusted(project(*keys), FETCHED)
        assert found.value.where == "tark.lock"


def test_an_unsigned_release_is_allowed_by_the_project_alone() -> None:
    bare = msgspec.structs.replace(FETCHED, signer=None, statement=None)
    check_trusted(project(unsigned=True), bare)
    for keys in ((), (ONE,)):
        with pytest.raises(UnsignedRefused):
            check_trusted(project(*keys), bare)


def test_a_folder_of_the_user_needs_no_signature() -> None:
    folder = PathSource("./demo")
    copy = msgspec.structs.replace(FETCHED, source=folder, signer=None, statement=None)
    check_trusted(Project(requirements={NAME: Requirement(NAME, folder)}), copy)


def test_a_run_that_is_not_the_identitys_is_an_error_of_the_lock() -> None:
    check_run(FETCHED, BY, run_of())
    for run, kind in ((None, Unreachable), (run_of(owner_id="23"), KeyUntrusted)):
        with pytest.raises(kind) as found:
            check_run(FETCHED, BY, run)
        assert found.value.where == "tark.lock"
    with pytest.raises(KeyUntrusted) as without:
        check_run(FETCHED, CiIdentity.parse(IDENTITY), run_of())
    assert without.value.where == "tark.toml"


def test_a_name_that_nothing_requires_may_have_an_identity() -> None:
    check_keyless(None, BY)
