"""What maintainers type about advisories, and what they sign."""

import json
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.community import BOTH, Community
from support.sandbox import Sandbox

from tarkpm.core import osv
from tarkpm.core.advisory import Advisory, Severity
from tarkpm.registry.draft import draft_advisories
from tarkpm.registry.lifetimes import from_text
from tarkpm.registry.proposal import Proposal, render

ID = "x_TARK-2026-0001"
ABOUT = ("--id", ID, "--severity", "high", "--url", "https://example.com/1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Community:
    """An index with two releases of a plugin. Tests copy it."""
    community = Community(Sandbox(tmp_path_factory.mktemp("made")))
    community.claim()
    community.publish("1.0.0")
    community.publish("1.1.0")
    return community


@pytest.fixture
def community(made: Community, tmp_path: Path) -> Community:
    shutil.copytree(made.folder, tmp_path / "community", dirs_exist_ok=True)
    copy = object.__new__(Community)
    copy.sandbox, copy.folder, copy.keys, copy.root = (
        made.sandbox,
        tmp_path / "community",
        made.keys,
        made.root,
    )
    return copy


def advisory(community: Community) -> Advisory:
    found = community.open().advisory(ID)
    assert found is not None
    return found


def test_an_advisory_is_published_changed_and_withdrawn(community: Community) -> None:
    done = community.run("advise", "text-tools", "<1.1.0", *ABOUT, "--summary", "Reads too much", *BOTH).ok()
    for text in (
        f"✓ publish an advisory: {ID} of text-tools: in force",
        "affected         <1.1.0",
        "listed releases  '1.0.0'",
        "fixed in         1.1.0",
        "severity         high",
        "summary          Reads too much",
        "references       https://example.com/1",
    ):
        assert text in done.out
    first = advisory(community)
    assert (first.name, first.severity, first.affected) == ("text-tools", Severity.HIGH, "<1.1.0")
    (row,) = [row for row in community.open().listing(first.name).rows if str(row.version) == "1.0.0"]
    assert first.releases == (row.statement.sha256,)
    assert first.index == community.root
    assert "no problems found" in community.run("check", "--deep").ok().out
    assert "1 advisory in force" in community.run("status").ok().out

    # The online key's daily work does not lose it, and neither does a renewal of all signatures.
    community.run("refresh").ok()
    community.run("rotate", "root", *BOTH).ok()
    assert advisory(community) == first
    community.run("claim", "word-count", "--publisher", community.key("pat"), *BOTH).ok()
    assert advisory(community) == first

    done = community.run("advise", "text-tools", "*", *ABOUT, *BOTH).ok()
    assert f"change an advisory: {ID}" in done.out
    assert "before           <1.1.0 (high) Reads too much" in done.out
    changed = advisory(community)
    assert (changed.affected, changed.published) == ("*", first.published)
    assert "no problems found" in community.run("check").ok().out

    assert f"withdraw an advisory: {ID}" in community.run("advise", "--withdraw", ID, *BOTH).ok().out
    assert advisory(community).withdrawn == advisory(community).modified
    status = community.run("status", "--json").ok().json
    assert (status["advisories"], status["withdrawn_advisories"]) == (0, 1)
    community.run("advise", "--withdraw", ID, *BOTH).failed(2, "was withdrawn on")
    community.run("advise", "text-tools", "*", *ABOUT, *BOTH).failed(3, "is withdrawn for good")
    assert "no problems found" in community.run("check").ok().out


def test_enough_maintainers_must_agree(community: Community) -> None:
    waits = community.run("advise", "text-tools", "<1.1.0", *ABOUT, "--key", "alice").ok()
    assert "waiting" in waits.out
    assert community.open().advisory(ID) is None
    file = community.folder / "pending" / f"advise-{ID}.json"
    digest = json.loads(community.run("countersign", file, "--key", "bob", "--dry-run", "--json").ok().out)
    agreed = ("--agree", digest[0]["digest"])
    assert "in force" in community.run("countersign", file, "--key", "bob", *agreed).ok().out
    assert advisory(community).id == ID


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("other", "*", *ABOUT), "'other' is not claimed in this index"),
        (("text_tools", "*", *ABOUT), "'text_tools' is not claimed in this index; 'text-tools' is claimed"),
        (("text-tools", "^1.0", *ABOUT), "expected a range like <1.2.3"),
        (("text-tools", "*", "--id", "CVE-1", *ABOUT[2:]), "expected an id like x_TARK-2026-0001"),
        (("text-tools", "*", *ABOUT, "--severity", "bad"), "expected low, medium, high or critical"),
        (("text-tools", "*", *ABOUT, "--url", "http://example.com"), "expected a URL like https://"),
        (("text-tools", "*", *ABOUT, "--url", "https://a@example.com"), "is not a reference"),
        (("text-tools", "*", *ABOUT, "--summary", "a\x1b[2Jb"), "a summary on one line"),
        (("text-tools", "*", *ABOUT, "--summary", "a\u202eb"), "a summary on one line"),
        (("text-tools", "*", *ABOUT, "--withdraw", ID), "--withdraw takes no other option"),
        (("--withdraw", ID), f"the index has no advisory {ID}"),
        (("text-tools", "*"), "expected NAME, RANGE, --id, --severity and --url, or --withdraw ID"),
    ],
)
def test_what_is_refused(community: Community, words: tuple[str, ...], said: str) -> None:
    refused = community.run("advise", *words, *BOTH)
    assert refused.status != 0
    assert said in refused.err


def test_a_missing_fix_is_a_warning(community: Community) -> None:
    done = community.run("advise", "text-tools", ">=1.0.0, <1.2.0", *ABOUT, *BOTH).ok()
    assert "warning: the fix 1.2.0 is not listed yet" in done.out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"index": "sha256:" + "0" * 64}, "is an advisory of another index"),
        ({"modified": "2020-01-01T00:00:00Z"}, "to be modified when it was proposed"),
        ({"releases": ("0" * 64,)}, "is not a release of 'text-tools'"),
        ({"published": "2020-01-01T00:00:00Z"}, "a new advisory is published now"),
    ],
)
def test_a_proposal_that_no_command_makes_is_refused(
    community: Community, changes: dict[str, object], said: str
) -> None:
    community.run("advise", "text-tools", "<1.1.0", *ABOUT, "--key", "alice").ok()
    file = community.folder / "pending" / f"advise-{ID}.json"
    raw = json.loads(file.read_bytes())
    index, one = community.open(), osv.parse(json.dumps(raw["advisories"][0]).encode(), where="x")
    forged = Proposal(index.first_root, from_text(raw["made"]), advisories=(replace(one, **changes),))
    draft = draft_advisories(index, forged.advisories, forged.made)
    for name in ("alice", "bob"):
        forged = forged.signed(draft, community.signer(name))
    file.write_bytes(render(forged))
    assert said in community.run("countersign", file, "--key", "bob").failed(3).err


def test_check_finds_an_advisory_that_is_not_as_listed(community: Community) -> None:
    community.run("advise", "text-tools", "<1.1.0", *ABOUT, *BOTH).ok()
    (file,) = (community.folder / "targets" / "publishers").glob("*._advisory.*")
    (part,) = (community.folder / "targets" / "publishers").glob("*._advisories-0.json")
    file.unlink()
    assert "the file is listed but missing" in community.findings()
    part.write_bytes(part.read_bytes().replace(b"0001", b"0002"))
    assert "the file differs from the one that was signed" in community.findings()
