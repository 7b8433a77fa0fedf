"""The trust rules for releases of an index: it vouches for a first key, and for nothing beyond that."""

import msgspec
import pytest

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.consent import Admission, Answers
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.policy import admit
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, PluginName, Requirement
from tarkpm.core.verification import VerifiedRelease
from tarkpm.core.version import Version
from tarkpm.errors import KeyUntrusted, Revoked, Unreachable, UnsignedRefused

NAME = PluginName("demo")
ONE = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
TWO = PublicKey("ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
INDEX = IndexSource("community", "sha256:" + "a" * 64)
REQUIREMENT = Requirement(NAME, INDEX, range="^1")
STATEMENT = Digest("1" * 64)
UNASKED = Answers()


def candidate(version: str = "1.0.0", signer: PublicKey | None = ONE, *declares: str) -> VerifiedRelease:
    capabilities = CapabilitySet.of(map(Capability.parse, declares))
    manifest = Manifest(NAME, Version.parse(version), "tool", "plugin.wasm", capabilities)
    files = (FileEntry("plugin.toml", Digest("2" * 64), 1),)
    return VerifiedRelease(manifest, INDEX, files, signer, StatementEntry(STATEMENT, 9) if signer else None)


def vouched(key: PublicKey | None = ONE, *, revoked: bool = False) -> Vouched:
    gone = frozenset({STATEMENT} if revoked else ())
    return Vouched({INDEX.root: {NAME: Claim(NAME, key)}}, {INDEX.root: gone})


def weigh(
    new: VerifiedRelease,
    known: Vouched,
    *,
    requirement: Requirement | None = REQUIREMENT,
    project: Project = Project(),
    locked: LockEntry | None = None,
    answers: Answers = UNASKED,
) -> Admission:
    return admit(
        new, requirement, project, locked=locked, declared_before=None, answers=answers, vouched=known
    )


def asked(admission: Admission) -> list[tuple[str, str]]:
    return [(q.error.__name__, q.flag) for q in admission.questions]


def test_the_index_vouches_for_a_first_key_and_nothing_of_it_is_written_down() -> None:
    admission = weigh(candidate(), vouched())
    assert not admission.questions
    assert admission.change.trust == ()
    assert admission.change.requirement == REQUIREMENT


def test_a_key_the_index_changed_blocks_all_the_same() -> None:
    before = candidate().entry()
    admission = weigh(candidate("1.1.0", TWO), vouched(TWO), locked=before)
    assert asked(admission) == [("KeyChanged", f"--trust {TWO}")]
    assert not weigh(
        candidate("1.1.0", TWO), vouched(TWO), locked=before, answers=Answers(trust=(TWO,))
    ).questions


def test_moving_from_git_to_an_index_that_names_another_key_asks() -> None:
    source = GitSource("https://example.com/x.git", commit="a" * 40)
    before = msgspec.structs.replace(candidate().entry(), source=source)
    project = Project(trust={NAME: (ONE,)})
    admission = weigh(candidate("1.0.0", TWO), vouched(TWO), locked=before, project=project)
    assert asked(admission) == [("KeyChanged", f"--trust {TWO}")]


def test_no_answer_beforehand_makes_up_for_what_the_index_does_not_vouch_for() -> None:
    with pytest.raises(KeyUntrusted, match="which may not publish it in index community"):
        weigh(candidate("1.0.0", TWO), vouched(ONE), answers=Answers(trust=(TWO,)))
    with pytest.raises(UnsignedRefused, match="is not signed, but every release of an index must be"):
        weigh(candidate("1.0.0", None), vouched(), answers=Answers(allow_unsigned=frozenset({"demo"})))
    with pytest.raises(Revoked):
        weigh(candidate(), vouched(revoked=True), answers=Answers(trust=(ONE,)))
    with pytest.raises(Unreachable):
        weigh(candidate(), Vouched())


def test_a_key_meant_for_another_plugin_of_the_same_command_is_no_error() -> None:
    assert not weigh(candidate(), vouched(), answers=Answers(trust=(TWO,))).questions


def test_a_pinned_key_stays_pinned() -> None:
    project = Project(trust={NAME: (ONE,)})
    assert weigh(candidate(), vouched(), project=project).change.trust == (ONE,)
    assert asked(weigh(candidate("1.1.0", TWO), vouched(TWO), project=project)) == [
        ("KeyChanged", f"--trust {TWO}")
    ]


def test_a_dependency_is_asked_about_like_any_plugin_and_only_its_grants_are_written_down() -> None:
    admission = weigh(candidate("1.0.0", ONE, "storage"), vouched(), requirement=None)
    assert asked(admission) == [("CapabilityWidened", "--accept-capabilities")]
    assert admission.change.requirement is None
    assert list(map(str, admission.change.grants)) == ["storage"]
