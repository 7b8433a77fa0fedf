"""The trust rules as pure functions: which question is asked, and what an answer changes."""

import msgspec
import pytest

from tarkpm.core.binding import Binding
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.ci_policy import NOT_ASKED, Judged
from tarkpm.core.consent import Admission, Answers, consent_error
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lock_check import check_matches, stale_entries
from tarkpm.core.lockfile import Lock, LockEntry, StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.policy import admit
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, PathSource, PluginName, Requirement
from tarkpm.core.resolution.resolver import check_names, unmet_dependencies
from tarkpm.core.trust import check_trusted
from tarkpm.core.verification import VerifiedRelease
from tarkpm.core.version import Version
from tarkpm.errors import KeyUntrusted, LockStale, ResolutionError, UnsignedRefused

NAME = PluginName("demo")
ONE = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
TWO = PublicKey("ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
SOURCE = GitSource("https://example.com/x.git", tag="v1")
REQUIREMENT = Requirement(NAME, SOURCE)


def caps(*texts: str) -> CapabilitySet:
    return CapabilitySet.of(map(Capability.parse, texts))


def candidate(
    version: str = "1.0.0",
    signer: PublicKey | None = ONE,
    declares: CapabilitySet = CapabilitySet(),
    byte: int = 0,
) -> VerifiedRelease:
    manifest = Manifest(
        NAME, Version.parse(version), "tool", "plugin.wasm", declares, min_tark_version=Version(0, 6, 0)
    )
    files = (FileEntry("plugin.toml", Digest(f"{byte:064x}"), 1),)
    statement = StatementEntry(Digest("1" * 64), 9) if signer else None
    return VerifiedRelease(manifest, SOURCE.at("a" * 40), files, signer, statement)


def weigh(
    new: VerifiedRelease,
    project: Project = Project(),
    locked: LockEntry | None = None,
    before: CapabilitySet | None = None,
    *,
    requirement: Requirement | None = REQUIREMENT,
    accepted: Binding | None = None,
    judged: Judged = NOT_ASKED,
    **answers: object,
) -> Admission:
    return admit(
        new,
        requirement,
        project,
        locked=locked,
        declared_before=before,
        answers=Answers(**answers),  # type: ignore[arg-type]
        accepted=accepted,
        judged=judged,
    )


def asked(admission: Admission) -> list[tuple[str, str, bool]]:
    return [(q.error.__name__, q.flag, q.askable) for q in admission.questions]


def test_a_first_key_is_asked_about_and_never_accepted_silently() -> None:
    assert asked(weigh(candidate())) == [("KeyUnknown", f"--trust {ONE}", True)]
    accepted = weigh(candidate(), trust=(ONE,))
    assert not accepted.questions
    assert accepted.change.trust == (ONE,)


def test_trusting_another_key_than_the_signers_is_an_error() -> None:
    with pytest.raises(KeyUntrusted, match=f"is signed by {TWO}".replace("+", r"\+")):
        weigh(candidate(signer=TWO), trust=(ONE,))


def test_a_changed_key_is_asked_about_and_replaces_the_old_one() -> None:
    project = Project(trust={NAME: (ONE,)})
    assert asked(weigh(candidate(signer=TWO), project)) == [("KeyChanged", f"--trust {TWO}", True)]
    assert weigh(candidate(signer=TWO), project, trust=(TWO,)).change.trust == (TWO,)


def test_unsigned_needs_its_flag_and_no_prompt_will_do() -> None:
    assert asked(weigh(candidate(signer=None))) == [("UnsignedRefused", "--allow-unsigned demo", False)]
    allowed = weigh(candidate(signer=None), allow_unsigned=frozenset({"demo"}))
    assert not allowed.questions
    assert allowed.change.requirement == msgspec.structs.replace(REQUIREMENT, unsigned=True)


@pytest.mark.parametrize("signed", ["trust", "lock"])
def test_once_signed_always_signed(signed: str) -> None:
    project = Project(trust={NAME: (ONE,)}) if signed == "trust" else Project()
    locked = candidate().entry() if signed == "lock" else None
    answer = weigh(candidate(signer=None), project, locked, allow_unsigned=frozenset({"demo"}))
    assert asked(answer) == [("UnsignedRefused", "", False)]
    assert consent_error(answer.questions, "tarkpm update demo").hint == "tarkpm remove demo"


TRUSTED = Project(trust={NAME: (ONE,)}, grants={NAME: caps("storage", "http:a.com")})


def test_a_wider_release_asks_and_a_narrower_one_narrows() -> None:
    before = caps("storage", "http:a.com")
    wider = weigh(candidate(declares=caps("storage", "http:a.com", "shell")), TRUSTED, before=before)
    assert asked(wider) == [("CapabilityWidened", "--accept-capabilities", True)]
    assert wider.questions[0].message == "'demo' asks for more than was granted: shell"
    narrower = weigh(candidate(declares=caps("storage")), TRUSTED, before=before)
    assert not narrower.questions
    assert narrower.change.grants == caps("storage")


def test_what_was_revoked_does_not_come_back_by_an_update() -> None:
    declared = caps("storage", "http:a.com", "env:A")
    answer = weigh(candidate("1.1.0", declares=declared), TRUSTED, candidate().entry(), declared)
    assert not answer.questions
    assert answer.change.grants == caps("storage", "http:a.com")
    wider = weigh(
        candidate("1.1.0", declares=declared.union(caps("shell"))),
        TRUSTED,
        candidate().entry(),
        declared,
        accept_capabilities=True,
    )
    assert wider.change.grants == caps("storage", "http:a.com", "shell")


def test_without_knowing_what_was_declared_everything_ungranted_is_asked() -> None:
    answer = weigh(candidate(declares=caps("storage", "env:A")), TRUSTED, candidate().entry(), None)
    assert asked(answer) == [("CapabilityWidened", "--accept-capabilities", True)]


def test_a_lower_version_and_other_bytes_need_their_flags() -> None:
    locked = candidate("1.1.0").entry()
    assert asked(weigh(candidate("1.0.0"), TRUSTED, locked)) == [("Downgrade", "--allow-downgrade", False)]
    assert not weigh(candidate("1.0.0"), TRUSTED, locked, allow_downgrade=True).questions
    other = candidate("1.1.0", byte=7)
    assert asked(weigh(other, TRUSTED, locked)) == [("Republished", "--allow-republished", False)]
    assert not weigh(other, TRUSTED, locked, allow_republished=True).questions
    assert not weigh(candidate("1.1.0"), TRUSTED, locked).questions


def test_a_release_that_needs_a_newer_tark_is_refused() -> None:
    with pytest.raises(
        ResolutionError, match="'demo' requires tark 0.6.0 or newer, but this project is for tark 0.5.9"
    ):
        weigh(candidate(), Project(tark_version=Version(0, 5, 9)))


def test_one_error_names_every_flag_that_is_missing() -> None:
    answer = weigh(candidate(declares=caps("shell")))
    error = consent_error(answer.questions, "tarkpm add https://x")
    assert error.hint == f"tarkpm add https://x --trust {ONE} --accept-capabilities"


# -- the lock decides nothing


def project_of(requirement: Requirement = REQUIREMENT, *keys: PublicKey) -> Project:
    return Project(requirements={NAME: requirement}, trust={NAME: keys} if keys else {})


def test_a_lock_that_follows_is_not_stale() -> None:
    assert not stale_entries(project_of(), Lock.of([candidate().entry()]))


@pytest.mark.parametrize(
    "change",
    [{"git": "https://evil.example/x.git"}, {"tag": "v2"}, {"tag": "", "branch": "v1"}, {"path": "sub"}],
    ids=str,
)
def test_an_entry_from_elsewhere_is_stale(change: dict[str, str]) -> None:
    source = msgspec.structs.replace(SOURCE.at("a" * 40), **change)
    entry = msgspec.structs.replace(candidate().entry(), source=source)
    (problem,) = stale_entries(project_of(), Lock.of([entry]))
    assert problem.message.startswith("'demo' is locked from ")


def test_an_added_and_a_removed_entry_are_stale() -> None:
    other = msgspec.structs.replace(candidate().entry(), name=PluginName("evil"))
    messages = [p.message for p in stale_entries(project_of(), Lock.of([other]))]
    assert messages == [
        "'demo' is in tark.toml, but not in tark.lock",
        "'evil' is in tark.lock, but nothing in tark.toml requires it",
    ]


def test_a_signer_the_project_does_not_trust_is_refused() -> None:
    check_trusted(project_of(REQUIREMENT, ONE), candidate().entry())
    with pytest.raises(KeyUntrusted, match=r"which \[trust\] does not list"):
        check_trusted(project_of(REQUIREMENT, TWO), candidate().entry())
    with pytest.raises(UnsignedRefused, match="locked without a signature"):
        check_trusted(project_of(REQUIREMENT, ONE), candidate(signer=None).entry())
    check_trusted(project_of(Requirement(NAME, PathSource("../x"))), candidate(signer=None).entry())


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("version", Version(9, 0, 0), "'demo' has version '1.0.0' in plugin.toml, but '9.0.0' in tark.lock"),
        ("type", "hook", "'demo' has type 'tool' in plugin.toml, but 'hook' in tark.lock"),
        (
            "min_tark_version",
            None,
            "'demo' has min_tark_version '0.6.0' in plugin.toml, but none in tark.lock",
        ),
    ],
)
def test_a_lock_that_says_other_than_the_manifest_is_stale(field: str, value: object, sentence: str) -> None:
    new = candidate()
    entry = msgspec.structs.replace(new.entry(), **{field: value})
    with pytest.raises(LockStale) as caught:
        check_matches(entry, new.manifest, where="x")
    assert caught.value.message == sentence


def test_unmet_dependencies_are_reported_in_words() -> None:
    from tarkpm.core.release import Dependency

    needs = (Dependency(PluginName("json-core"), "^1.2"), Dependency(NAME, "^2"))
    entry = msgspec.structs.replace(candidate().entry(), requires=needs)
    assert [str(unmet) for unmet in unmet_dependencies([entry])] == [
        "'demo' requires 'json-core ^1.2', which is not installed",
        "'demo' requires 'demo ^2', but 1.0.0 is installed",
    ]


@pytest.mark.parametrize(
    ("asked", "found", "present", "sentence"),
    [
        ([None, None], ["a-b", "a_b"], {}, "'a_b' and 'a-b' are the same name"),
        ([None], ["a_b"], {"a-b": "a-b"}, "'a_b' and 'a-b' are the same name"),
        ([None, None], ["a", "a"], {}, "two sources contain 'a'"),
        (["a"], ["b"], {"a": "a", "b": "b"}, "expected 'a' at its source, found 'b'"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    asked: list[str | None], found: list[str], present: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ResolutionError, match=sentence):
        check_names(asked, found, present)
    check_names([None, "b"], ["a", "b"], {"b": "b"})
