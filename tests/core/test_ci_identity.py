"""What a CI identity is, and which runs it admits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tarkpm.core.ci_identity import GITHUB, CiClaims, CiIdentity

URI = "https://github.com/trailofbits/rfc8785.py/.github/workflows/release.yml@refs/tags/v0.1.2"
RUN = CiClaims(
    issuer=GITHUB,
    repository="trailofbits/rfc8785.py",
    repository_id="768213997",
    owner_id="2314423",
    workflow=".github/workflows/release.yml",
    ref="refs/tags/v0.1.2",
    signer=URI,
)
TEXT = "github:trailofbits/rfc8785.py/.github/workflows/release.yml@refs/tags/*"
IDS = "?repository_id=768213997&owner_id=2314423"


def test_an_identity_reads_as_it_is_written_and_gains_the_ids_of_a_run() -> None:
    typed = CiIdentity.parse(TEXT)
    assert str(typed) == TEXT
    assert typed.mismatch(RUN) == ""
    assert RUN.uri == URI
    bound = typed.bound_to(RUN)
    assert str(bound) == TEXT + IDS
    assert CiIdentity.parse(str(bound)) == bound
    assert bound.bound_to(RUN) == bound
    spelled = CiIdentity.parse(TEXT.replace("trailofbits", "TrailOfBits"))
    assert spelled.bound_to(RUN) == bound, "GitHub's names have no case"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trailofbits/rfc8785.py",
        TEXT.replace("github:", "gitlab:"),
        TEXT.replace("@refs/tags/*", ""),
        TEXT.replace("refs/tags/*", "*"),
        TEXT.replace("refs/tags/*", "refs/*"),
        TEXT.replace("refs/tags/*", "refs/tags/"),
        TEXT.replace("refs/tags/*", "refs/tags/*/x"),
        TEXT.replace("refs/tags/*", "refs/pull/1/merge"),
        TEXT.replace("release.yml", "../other.yml"),
        TEXT.replace("release.yml", "release.txt"),
        TEXT.replace("trailofbits/", "trailofbits/x/"),
        TEXT + "?repository_id=1",
        TEXT + "?repository_id=x&owner_id=1",
        TEXT + "\n",
        "github:*/*/.github/workflows/release.yml@refs/tags/*",
    ],
)
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match="expected a CI identity such as github:owner/repo"):
        CiIdentity.parse(text)


@pytest.mark.parametrize(
    ("ref", "admitted"),
    [
        ("refs/tags/*", True),
        ("refs/tags/v*", True),
        ("refs/tags/v0.1.2", True),
        ("refs/tags/v0.1", False),
        ("refs/tags/v0.1.2*", False),  # at least one character: the beginning alone is another ref
        ("refs/heads/*", False),
        ("refs/heads/main", False),
    ],
)
def test_the_ref_is_whole_or_a_beginning(ref: str, admitted: bool) -> None:
    identity = CiIdentity.parse(TEXT.replace("refs/tags/*", ref))
    assert (identity.mismatch(RUN) == "") is admitted


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "https://gitlab.com"}, "its issuer is https://gitlab.com"),
        ({"repository": "evil/rfc8785.py"}, "its repository is evil/rfc8785.py"),
        ({"workflow": ".github/workflows/test.yml"}, "its workflow is .github/workflows/test.yml"),
        ({"ref": "refs/heads/main"}, "signed by another workflow"),
        ({"ref": "refs/pull/7/merge", "signer": URI.replace("refs/tags/v0.1.2", "refs/pull/7/merge")}, "its ref is"),
        ({"signer": "https://github.com/evil/w/.github/workflows/sign.yml@refs/heads/main"}, "signed by another"),
    ],
)  # fmt: skip
def test_another_run_is_not_admitted(change: dict[str, str], why: str) -> None:
    assert why in CiIdentity.parse(TEXT).mismatch(replace(RUN, **change))


@pytest.mark.parametrize("field", ["repository_id", "owner_id"])
def test_a_name_that_somebody_else_has_now(field: str) -> None:
    """An account was renamed or deleted, and its name registered again: the names match, the ids do not."""
    bound = CiIdentity.parse(TEXT).bound_to(RUN)
    taken_over = replace(RUN, **{field: "1"})
    assert CiIdentity.parse(TEXT).mismatch(taken_over) == ""
    assert "is 1, expected" in bound.mismatch(taken_over)
    typed = CiIdentity.parse(TEXT.replace("trailofbits", "TrailOfBits").replace("tags/*", "tags/v*"))
    assert "is 1, expected" in typed.keeping_ids_of(bound).mismatch(taken_over)
    own = CiIdentity.parse(f"{TEXT}?repository_id=1&owner_id=2")
    other = CiIdentity.parse(TEXT.replace("trailofbits", "evil"))
    for one in (own, other):
        assert one.keeping_ids_of(bound) == one
        assert one.keeping_ids_of(None) == one


REFS = (
    "refs/tags/v",
    "refs/tags/v*",
    "refs/tags/v1",
    "refs/tags/v1*",
    "refs/tags/*",
    "refs/heads/*",
    "refs/heads/v",
)


@given(st.sampled_from(REFS), st.sampled_from(REFS), st.booleans(), st.booleans())
def test_what_an_identity_covers_it_admits(wide: str, narrow: str, bound: bool, other_bound: bool) -> None:
    """A team policy with the beginning of a ref is not evaded by the beginning alone, which is another ref."""
    one, other = (
        CiIdentity.parse(TEXT.replace("refs/tags/*", ref) + IDS * ids)
        for ref, ids in ((wide, bound), (narrow, other_bound))
    )
    for ref in (*(ref.rstrip("*") for ref in REFS), "refs/tags/v12", "refs/heads/v1"):
        run = replace(RUN, ref=ref, signer=URI.replace("refs/tags/v0.1.2", ref))
        if one.covers(other) and not other.mismatch(run):
            assert one.mismatch(run) == ""
