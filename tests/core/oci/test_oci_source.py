"""OCI registries as a kind of source: what tark.toml and tark.lock say, and what follows from it."""

from typing import Any

import msgspec
import pytest
from support.releases import GOOD, documents, entry_of, make_release

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.binding import Origin
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.difference import Documents, difference
from tarkpm.core.lock_check import stale_requirement
from tarkpm.core.lockfile import Lock, parse, render
from tarkpm.core.manifest import Manifest
from tarkpm.core.oci.bare import bare_manifest
from tarkpm.core.oci.checked import check_tagged
from tarkpm.core.oci.patterns import registry_covers, registry_pattern
from tarkpm.core.project import Project
from tarkpm.core.release import OciSource, Source, source_from_table
from tarkpm.core.sbom import package_url
from tarkpm.core.team_policy import TeamPolicy
from tarkpm.core.team_rules import PluginFacts, TeamRules
from tarkpm.core.text import without_login
from tarkpm.core.version import Version
from tarkpm.core.widening import WideningKind, widenings
from tarkpm.errors import LockError, ManifestError, ModuleInvalid, ProjectError, Refused

PLACE = "ghcr.io/owner/calc"
ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


def oci(tag: str = "1.0.0", digest: str = ONE, place: str = PLACE) -> OciSource:
    return OciSource(place, tag, digest)


def locked(source: Source, version: str = "1.0.0", **more: Any) -> tuple[str, str]:
    return documents(make_release(version=version, source=source, **more))


# -- tark.toml and tark.lock


@pytest.mark.parametrize(
    "table",
    [
        {"oci": PLACE},
        {"oci": PLACE, "tag": "1.0.0"},
        {"oci": PLACE, "tag": "^1.2"},
        {"oci": PLACE, "digest": ONE},
        {"oci": PLACE, "tag": "1.0.0", "digest": ONE},
        {"oci": "127.0.0.1:5000/a", "tag": "latest"},
    ],
)
def test_a_source_is_written_as_it_is_read(table: dict[str, Any]) -> None:
    assert msgspec.to_builtins(source_from_table(table)) == table


def test_one_spelling() -> None:
    assert source_from_table({"oci": "GHCR.io:443/owner/calc"}) == OciSource(PLACE)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"oci": ""}, "empty"),
        ({"oci": "owner"}, "repository"),
        ({"oci": f"oci://{PLACE}"}, "without oci://"),
        ({"oci": f"{PLACE}:1.0.0"}, "under its own key"),
        ({"oci": f"{PLACE}@{ONE}"}, "under its own key"),
        ({"oci": "me:secret@ghcr.io/owner/calc"}, "password"),
        ({"oci": "ghcr.io/Owner/calc"}, "lower case"),
        ({"oci": "ghcr.io/owner/../calc"}, "repository"),
        ({"oci": PLACE, "tag": "1.0.0+b"}, "build metadata"),
        ({"oci": PLACE, "tag": "a/b"}, "tag"),
        ({"oci": PLACE, "digest": "sha256:1"}, "64 hexadecimal"),
        ({"oci": PLACE, "digest": "sha512:" + "1" * 64}, "64 hexadecimal"),
        ({"oci": PLACE, "tag": "^1", "digest": ONE}, "range"),
        ({"oci": PLACE, "commit": "a" * 40}, "commit"),
        ({"oci": PLACE, "git": "https://example.com/x"}, "git"),
    ],
)
def test_what_is_no_source(table: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        source_from_table(table)
    assert "secret" not in str(caught.value)


def test_a_requirement_has_a_tag_or_a_digest() -> None:
    text = f'[plugins]\ncalc = {{ oci = "{PLACE}", tag = "1.0.0", digest = "{ONE}" }}\n'
    with pytest.raises(ProjectError, match="belongs in tark.lock"):
        Project.parse(text.encode())


def test_a_lock_has_the_digest() -> None:
    toml, lock = locked(oci())
    assert f'source = {{ oci = "{PLACE}", tag = "1.0.0", digest = "{ONE}" }}' in lock
    assert f'calc = {{ oci = "{PLACE}", tag = "1.0.0" }}' in toml
    assert render(parse(lock.encode())).decode() == lock
    with pytest.raises(LockError, match="expected a digest"):
        parse(lock.replace(f', digest = "{ONE}"', "").encode())


@pytest.mark.parametrize(
    ("asked", "found", "leads"),
    [
        (OciSource(PLACE, "1.0.0"), oci(), True),
        (OciSource(PLACE, "^1"), oci("1.9.0"), True),
        (OciSource(PLACE), oci("2.0.0"), True),
        (OciSource(PLACE, digest=ONE), oci("", ONE), True),
        (OciSource(PLACE, "1.0.0"), oci("1.0.1"), False),
        (OciSource(PLACE, "^1"), oci("2.0.0"), False),
        (OciSource(PLACE), oci("latest"), False),
        (OciSource(PLACE), oci("2.0.0-rc.1"), False),
        (OciSource(PLACE), oci(""), False),
        (OciSource(PLACE, digest=ONE), oci("", TWO), False),
        (OciSource(PLACE, digest=ONE), oci("1.0.0", ONE), False),
        (OciSource(PLACE, "1.0.0"), oci(place="ghcr.io/evil/calc"), False),
    ],
)
def test_what_a_requirement_leads_to(asked: OciSource, found: OciSource, leads: bool) -> None:
    assert asked.leads_to(found) is leads


def test_a_reference_is_typed_as_it_is_shown() -> None:
    assert str(oci()) == f"oci://{PLACE}:1.0.0"
    assert str(oci("")) == f"oci://{PLACE}@{ONE}"
    assert str(Origin.of(oci())) == f"oci://{PLACE}"


def test_a_digest_is_no_login() -> None:
    assert without_login(f"oci://{PLACE}@{ONE}") == f"oci://{PLACE}@{ONE}"
    assert without_login(f"oci://me:se/cret@{PLACE}@{ONE}") == f"…@{PLACE}@{ONE}"


# -- what follows


def test_the_package_url() -> None:
    entry = entry_of(make_release(source=oci()))
    assert package_url(entry) == f"pkg:oci/calc@{ONE}?repository_url={PLACE}&tag=1.0.0"


def test_a_difference_names_the_manifest() -> None:
    states = (Lock((entry_of(make_release(source=oci(digest=one))),)) for one in (ONE, TWO))
    before, after = (Documents(lock) for lock in states)
    (plugin,) = difference(before, after).plugins
    assert [(one.kind, one.removed, one.added) for one in plugin.changes] == [("digest", (ONE,), (TWO,))]


@pytest.mark.parametrize(
    ("text", "place", "covers"),
    [
        ("ghcr.io", PLACE, True),
        ("GHCR.io/owner", PLACE, True),
        (f"{PLACE}", PLACE, True),
        ("*.example.com", "a.example.com/x", True),
        ("localhost:5000", "localhost:5000/x", True),
        ("ghcr.io/own", PLACE, False),
        ("localhost", "localhost:5000/x", False),
        ("example.com", "example.com.evil.org/x", False),
        ("*.io", "ghcr.io.evil.org/owner/calc", False),
    ],
)
def test_the_pattern_of_a_policy(text: str, place: str, covers: bool) -> None:
    assert registry_covers(registry_pattern(text), place) is covers


@pytest.mark.parametrize("text", ["", "*", "*.", "oci://ghcr.io", "ghcr.io/", "ghcr.io/Owner", "me@ghcr.io"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="expected|not accepted"):
        registry_pattern(text)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        ('registries = ["ghcr.io/owner"]', ""),
        ("registries = []", "registries"),
        ('registries = ["ghcr.io/other"]', "registries"),
        ('deny-hosts = ["*.io"]', "deny-hosts"),
        # nobody who wrote this could have named registries, which were no kind of source
        ('git-hosts = ["github.com"]', "registries"),
        ('git-hosts = ["github.com"]\nregistries = ["ghcr.io"]', ""),
        ("folders = false", ""),
        ("indexes = []", ""),
    ],
)
def test_a_team_policy(policy: str, rule: str) -> None:
    rules = TeamRules((TeamPolicy.parse(policy.encode(), where="policy.toml"),))
    found = rules.violations(PluginFacts("calc", oci()))
    assert [one.rule for one in found] == ([rule] if rule else [])


# -- packages without plugin.toml


def test_the_plugin_toml_of_a_package_never_changes() -> None:
    """Its digest is in locks."""
    expected = b'[plugin]\nname = "calc"\nversion = "1.0.0"\ntype = "tool"\n'
    assert bare_manifest(oci(), ["tool"]) == bare_manifest(oci("v1.0.0", TWO), ["tool"]) == expected
    found = Manifest.parse(expected)
    assert (found.capabilities, found.dependencies, found.wasm) == (CapabilitySet(), (), "plugin.wasm")


@pytest.mark.parametrize(
    ("source", "types", "expected"),
    [
        (oci("latest"), ["tool"], "a tag has to name its version"),
        (oci(""), ["tool"], "a tag has to name its version"),
        (oci(place="ghcr.io/owner/my.calc"), ["tool"], "no plugin's name"),
        (oci(place="ghcr.io/owner/a__b"), ["tool"], "no plugin's name"),
        (oci(), [], "is no plugin of tark"),
        (oci(), ["hook", "tool"], "fits several types: 'hook', 'tool'"),
    ],
)
def test_a_package_that_is_no_plugin(source: OciSource, types: list[str], expected: str) -> None:
    with pytest.raises((Refused, ModuleInvalid), match=expected):
        bare_manifest(source, types)


# -- attacks on tark.toml and tark.lock: each is a line that a pull request changes


def _asked(before: tuple[str, str], after: tuple[str, str]) -> list[WideningKind]:
    """What somebody is asked who accepted ``before`` and pulls ``after``."""
    first, then = (
        Acceptance.of(Project.parse(toml.encode()), parse(lock.encode())) for toml, lock in (before, after)
    )
    return [one.kind for one in widenings(then, first)]


def test_another_registry_in_the_lock_alone_is_stale() -> None:
    toml, lock = locked(oci())
    project, entry = (
        Project.parse(toml.encode()),
        parse(lock.replace("ghcr.io", "evil.io").encode()).entries[0],
    )
    problem = stale_requirement(project.requirements[entry.name], entry)
    assert problem is not None
    assert "oci://evil.io/owner/calc:1.0.0" in problem.message


def test_another_registry_in_both_is_asked_about() -> None:
    toml, lock = locked(oci())
    assert WideningKind.SOURCE in _asked(
        (toml, lock), (toml.replace("ghcr.io", "evil.io"), lock.replace("ghcr.io", "evil.io"))
    )


def test_an_older_release_under_the_tag_of_a_newer_one_is_stale() -> None:
    """The publisher signed it, and the registry serves it by its digest: only the version tells."""
    toml, _ = locked(oci("2.0.0"), "2.0.0")
    _, lock = locked(oci("2.0.0", TWO), "1.0.0")
    project, entry = Project.parse(toml.encode()), parse(lock.encode()).entries[0]
    problem = stale_requirement(project.requirements[entry.name], entry)
    assert problem is not None
    assert problem.message == "'calc' is locked at 1.0.0, but at the tag 2.0.0"


def test_a_tag_that_names_another_version() -> None:
    check_tagged(oci("1.0.0"), Version.parse("1.0.0+build.7"), where="")
    check_tagged(oci("latest"), Version.parse("3.0.0"), where="")
    check_tagged(oci(""), Version.parse("3.0.0"), where="")
    with pytest.raises(ManifestError, match=r"expected version 1\.0\.0 as the tag says, found 0\.9\.0"):
        check_tagged(oci("1.0.0"), Version.parse("0.9.0"), where="")


def test_other_contents_of_a_moved_tag_are_asked_about() -> None:
    before = locked(oci())
    assert _asked(before, locked(oci(digest=TWO), more='[config]\na = "b"')) == [WideningKind.REPUBLISHED]
    assert _asked(before, locked(oci(digest=TWO))) == []  # the same files in another manifest


def test_an_older_release_is_asked_about() -> None:
    assert _asked(locked(oci("latest", ONE), "2.0.0"), locked(oci("latest", TWO), "1.0.0")) == [
        WideningKind.OLDER
    ]


def test_a_dropped_signature_is_asked_about() -> None:
    found = _asked(locked(oci()), locked(oci(digest=TWO), key=None))
    assert WideningKind.UNSIGNED in found
    assert WideningKind.CONTENTS in found


def test_other_contents_without_a_signature_are_asked_about() -> None:
    found = _asked(locked(oci(), key=None), locked(oci(digest=TWO), key=None, more='[config]\na = "b"'))
    assert found == [WideningKind.CONTENTS]


def test_another_signer_is_asked_about() -> None:
    from support.releases import EVIL

    before, after = locked(oci(), key=GOOD), locked(oci(digest=TWO), key=EVIL)
    assert WideningKind.KEY in _asked((before[0], before[1]), (after[0], after[1]))
