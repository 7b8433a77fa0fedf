"""``[trust] NAME = ["identity"]``: how it is read, whom it names, and what a lock entry needs then."""

import msgspec
import pytest
from support.ci_runs import IDENTITY, IDS, run_of
from support.releases import COMMUNITY, entry_of, make_release

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.difference import Documents, difference
from tarkpm.core.key import public_key
from tarkpm.core.keyless import identity_of, publisher_keys, read_signers, signer_of
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.release import PathSource
from tarkpm.core.trust import check_trusted
from tarkpm.core.version import Version
from tarkpm.core.widening import widenings
from tarkpm.errors import KeyUntrusted, ProjectError, Unreachable, UnsignedRefused

BY = CiIdentity.parse(IDENTITY + IDS)
ENTRY = entry_of(make_release())
KEY = ENTRY.signer or ""
OTHER_KEY = "ed25519:gPMd6MO+vdjdjCPDDJkJ5uXxqzCTpFgSiIPSCYrOdPc="
GIT = '[plugins]\ncalc = { git = "https://git.example/calc.git", tag = "v1" }\n'
TRUST = '[trust]\ncalc = ["identity"]\n'
NAMED = f'[identities]\ncalc = "{BY}"\n'


def parsed(*parts: str) -> Project:
    return Project.parse("".join(parts).encode())


def test_what_the_word_means() -> None:
    assert parsed(GIT, TRUST, NAMED).keyless(ENTRY.name) == BY
    assert parsed(GIT, f'[trust]\ncalc = ["{KEY}"]\n', NAMED).keyless(ENTRY.name) is None
    assert read_signers([KEY]) == (KEY,)
    assert publisher_keys(read_signers(["identity"]), BY) == (str(BY),)
    assert publisher_keys(read_signers([KEY]), BY) == (KEY,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GIT + TRUST, "does not name one"),
        (GIT + f'[trust]\ncalc = ["identity", "{KEY}"]\n' + NAMED, "alone"),
        (GIT + '[trust]\ncalc = ["identity", "identity"]\n' + NAMED, "alone"),
        (GIT.replace("v1\" }", "v1\", unsigned = true }") + TRUST + NAMED, "unsigned"),
        (
            f'[index.main]\nurl = "./x"\nroot = "sha256:{"a" * 64}"\n[plugins]\ncalc = "^1"\n' + TRUST + NAMED,
            "an index vouches for its plugins itself",
        ),
    ],
)  # fmt: skip
def test_what_would_mean_anybody_is_an_error(text: str, why: str) -> None:
    with pytest.raises(ProjectError, match=why) as found:
        parsed(text)
    assert found.value.where == "tark.toml: trust.calc"


def project(identity: CiIdentity = BY) -> Project:
    return msgspec.structs.replace(parsed(GIT, TRUST, NAMED), identities={ENTRY.name: identity})


def test_a_locked_release_needs_a_verified_proof_of_this_identity() -> None:
    check_trusted(project(), ENTRY, run=run_of())
    with pytest.raises(Unreachable, match="no proof that"):
        check_trusted(project(), ENTRY)
    for run in (run_of(repository="evil/repo"), run_of(owner_id="23"), run_of(ref="refs/heads/main")):
        with pytest.raises(KeyUntrusted, match="was not: its|was not: the id"):
            check_trusted(project(), ENTRY, run=run)
    with pytest.raises(KeyUntrusted, match="without the ids"):
        check_trusted(project(CiIdentity.parse(IDENTITY)), ENTRY, run=run_of())
    bare = msgspec.structs.replace(ENTRY, signer=None, statement=None)
    with pytest.raises(UnsignedRefused):
        check_trusted(project(), bare, run=run_of())
    assert signer_of(project(), ENTRY) == str(BY)
    copy = msgspec.structs.replace(bare, source=PathSource("./x"))
    listed = msgspec.structs.replace(ENTRY, source=COMMUNITY)
    assert [identity_of(project(), one) for one in (ENTRY, bare, copy, listed)] == [BY, None, None, None]
    assert signer_of(project(), bare) == ""
    assert signer_of(Project(), ENTRY) == KEY


def asked(decided: Project, accepted: Project) -> list[str]:
    lock = Lock.of([ENTRY])
    return [str(one) for one in widenings(Acceptance.of(decided, lock), Acceptance.of(accepted, lock))]


def test_another_publisher_is_asked_about_once() -> None:
    keyed = msgspec.structs.replace(project(), trust={ENTRY.name: (ENTRY.signer,)})
    name, other = f"'{ENTRY.name}'", CiIdentity.parse(IDENTITY.replace("tags/*", "tags/v*") + IDS)
    assert asked(project(), project()) == []
    assert asked(project(), keyed) == [
        f"trust any key for {name} that the CI identity {BY} proves (before: {KEY})"
    ]
    assert asked(keyed, project()) == [f"trust {KEY} for {name} (before: {BY})"]
    assert asked(project(other), project()) == [
        f"take releases of {name} from another CI identity: {BY} → {other}"
    ]


@pytest.mark.parametrize(
    ("ref", "other", "covers"),
    [
        ("refs/tags/*", "refs/tags/*", True),
        ("refs/tags/*", "refs/tags/v*", True),
        ("refs/tags/v*", "refs/tags/v1", True),
        ("refs/tags/v*", "refs/tags/*", False),
        ("refs/tags/v1", "refs/tags/v1*", False),
        ("refs/heads/main", "refs/heads/main", True),
    ],
)
def test_an_identity_covers_what_admits_no_other_run(ref: str, other: str, covers: bool) -> None:
    one = msgspec.structs.replace(BY, ref=ref)
    assert one.covers(msgspec.structs.replace(BY, ref=other)) is covers
    for change in ({"repository": "x/y"}, {"workflow": ".github/workflows/y.yml"}, {"owner_id": "7"}):
        assert not one.covers(msgspec.structs.replace(BY, ref=other, **change))


def test_a_review_names_the_identity_and_not_the_key_of_each_release() -> None:
    newer = msgspec.structs.replace(ENTRY, version=Version.parse("1.1.0"), signer=public_key(OTHER_KEY))
    was, now = Documents(Lock.of([ENTRY]), project()), Documents(Lock.of([newer]), project())
    found = difference(was, now)
    assert not found.is_wider
    assert {one.kind for plugin in found.plugins for one in plugin.changes} == {"version"}
    keyed = msgspec.structs.replace(project(), trust={ENTRY.name: (ENTRY.signer,)}, identities={})
    found = difference(Documents(Lock.of([ENTRY]), keyed), now)
    wider = {one.kind: one.added for plugin in found.plugins for one in plugin.changes if one.wider}
    assert wider == {"trust": ("identity",), "signer": (str(BY),)}
