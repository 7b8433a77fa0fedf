"""Arguments and output of the commands for index maintainers."""

import click
import msgspec
import pytest
from support.indexrepo import public
from support.releases import GOOD

from tarkpm.cli.maintainer import proposal_lines, read_key, read_release_name
from tarkpm.errors import TarkError
from tarkpm.ops.registry.proposals import ProposalReport

REPORT = ProposalReport(
    title="claim calc",
    changes=(("publisher", "ed25519:x"),),
    warnings=("close to 'calk'",),
    digest="sha256:d",
    file="pending/d.json",
    signed_by=(),
    missing=2,
    state="waiting",
    root="sha256:r",
    next="tarkpm index countersign",
)


def lines(**changes: object) -> list[str]:
    return [click.unstyle(line) for line in proposal_lines(msgspec.structs.replace(REPORT, **changes))]


def test_a_waiting_proposal_says_who_is_missing_and_what_comes_next() -> None:
    assert lines() == [
        "… claim calc: waiting",
        "  publisher  ed25519:x",
        "  signed by  nobody yet",
        "  missing    2 signatures",
        "  digest     sha256:d",
        "  proposal   pending/d.json",
        "  next       tarkpm index countersign",
        "warning: close to 'calk'",
    ]
    assert "  missing    1 signature" in lines(missing=1, signed_by=("a", "b"))
    assert "  signed by  a, b" in lines(signed_by=("a", "b"))


def test_a_complete_proposal_misses_nobody() -> None:
    assert not any("missing" in line for line in lines(state="complete", missing=0))


def test_a_proposal_in_force_has_nothing_to_sign() -> None:
    found = lines(state="in force", missing=0, warnings=())
    assert found[0] == "✓ claim calc: in force"
    assert found[-1] == "  root       sha256:r"
    assert not any("digest" in line or "next" in line for line in found)


def test_what_a_proposal_says_starts_no_line() -> None:
    found = lines(title="a\nb", changes=(("x\ny", "1\n2"),), warnings=("w\n✓",))
    assert not any("\n" in line for line in found)
    assert found[0] == "… a\\nb: waiting"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("calc", "expected NAME@VERSION, found 'calc'", ""),
        ("calc@1", "expected", "calc@1"),
        ("a b@1.0.0", "expected at most", "a b"),
    ],
)
def test_a_release_is_a_name_and_a_version(text: str, message: str, where: str) -> None:
    name, version = read_release_name("Calc@1.2.3")
    assert (name, str(version)) == ("calc", "1.2.3")
    with pytest.raises(TarkError, match=message) as caught:
        read_release_name(text)
    assert caught.value.where == where


def test_a_key_says_where_it_was_typed() -> None:
    assert read_key(public(GOOD), "--publisher") == public(GOOD)
    with pytest.raises(TarkError) as caught:
        read_key("x", "--publisher")
    assert caught.value.where == "--publisher"
