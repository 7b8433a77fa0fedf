"""Advisories: which releases one affects and fixes, and their documents."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core import osv
from tarkpm.core.advised import PART_ROWS, Advised, IndexAdvisories, Part, parse_part, render_part, with_row
from tarkpm.core.advisory import Advisory, Severity, Span, advisory_id, affects, fixes, names_release, span_of
from tarkpm.core.digest import Digest
from tarkpm.core.release import GitSource, IndexSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

ROOT = "sha256:" + "a" * 64
STATEMENT = Digest("b" * 64)
V = Version.parse
NOW = "2026-11-28T10:00:00Z"


def advisory(*ranges: str, withdrawn: str = "", releases: tuple[Digest, ...] = ()) -> Advisory:
    spans = tuple(map(span_of, ranges))
    name, severity = PluginName("text-tools"), Severity.HIGH
    urls = ("https://example.com/1",)
    return Advisory(
        "x_TARK-2026-0001", name, ROOT, severity, "Reads too much", NOW, NOW, withdrawn, spans, releases, urls
    )


@pytest.mark.parametrize(
    ("ranges", "affected", "fine"),
    [
        (["<1.2.3"], ["0.0.1", "1.2.2", "1.2.3-rc.1"], ["1.2.3", "1.2.3+build", "2.0.0"]),
        ([">=1.0.0, <1.2.3"], ["1.0.0", "1.0.0+build", "1.2.2"], ["0.9.0", "1.0.0-rc.1", "1.2.3"]),
        (["=1.1.0"], ["1.1.0", "1.1.0+build"], ["1.1.0-rc.1", "1.1.1"]),
        (["1.1.0"], ["1.1.0"], ["1.2.0"]),  # as typed: the version itself
        (["<=1.1.0"], ["1.1.0", "0.1.0"], ["1.1.1"]),
        (["*"], ["0.0.1", "9.9.9"], []),
        (["<1.0.1", ">=2.0.0, <2.1.1"], ["1.0.0", "2.1.0"], ["1.0.1", "1.9.0", "2.1.1"]),
    ],
)
def test_affects(ranges: list[str], affected: list[str], fine: list[str]) -> None:
    one = advisory(*ranges)
    assert [v for v in affected + fine if affects(one, "text-tools", V(v))] == affected


def test_affects_an_exact_release_of_any_version() -> None:
    one = advisory("<1.0.0", releases=(STATEMENT,))
    assert affects(one, "text-tools", V("5.0.0"), STATEMENT)
    assert not affects(one, "text-tools", V("5.0.0"), Digest("c" * 64))
    assert names_release(one, "text-tools", STATEMENT)
    assert not names_release(one, "text-tools", None)


def test_names_that_fold_alike_are_one_plugin_and_others_are_not() -> None:
    assert affects(advisory("*"), "text_tools", V("1.0.0"))
    assert not affects(advisory("*"), "text-tool", V("1.0.0"))


def test_a_withdrawn_advisory_affects_and_fixes_nothing() -> None:
    gone = advisory("<1.2.3", withdrawn=NOW, releases=(STATEMENT,))
    assert not affects(gone, "text-tools", V("1.0.0"), STATEMENT)
    assert not fixes(gone, "text-tools", V("1.2.3"))
    assert not names_release(gone, "text-tools", STATEMENT)


def test_the_fix_is_the_release_that_is_named_and_no_other() -> None:
    one = advisory("<1.0.1", ">=2.0.0, <2.1.1")
    assert [v for v in ("1.0.0", "1.0.1", "1.0.2", "2.0.0", "2.1.1") if fixes(one, "text-tools", V(v))] == [
        "1.0.1",
        "2.1.1",
    ]
    assert not fixes(one, "other", V("1.0.1"))
    assert not fixes(advisory("<1.0.1", "=1.0.1"), "text-tools", V("1.0.1"))


@pytest.mark.parametrize(
    "text", ["^1.2", "~1.2.0", "<1.2", ">1.0.0", "<2.0.0, <3.0.0", ">=2.0.0, <1.0.0", "<1.0.0, <=1.0.0", ""]
)
def test_ranges_without_two_clear_ends_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        span_of(text)


def test_a_range_is_shown_as_it_is_typed() -> None:
    for text in ("<1.2.3", ">=1.0.0, <1.2.3", "=1.1.0", "<=1.1.0", "*", ">=3.0.0"):
        assert str(span_of(text)) == text


@pytest.mark.parametrize("text", ["TARK-1", "x_tark-1", "x_", "x_A/../B", "x_A-", "x_A.B", "x_" + "A" * 63])
def test_ids_that_are_not_plain_file_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an id"):
        advisory_id(text)


def test_severities_are_ordered_words() -> None:
    assert Severity.parse("moderate") is Severity.MEDIUM
    assert Severity.LOW < Severity.MEDIUM < Severity.HIGH < Severity.CRITICAL
    assert str(Severity.parse("HIGH")) == "high"
    with pytest.raises(ValueError, match="expected low, medium, high or critical"):
        Severity.parse("bad")


versions = st.builds(Version, *[st.integers(0, 30)] * 3, st.sampled_from(["", "rc.1", "alpha"]))


@given(st.lists(st.tuples(versions, versions), max_size=5))
def test_documents_are_read_as_they_were_written(pairs: list[tuple[Version, Version]]) -> None:
    spans = [Span(low, fixed=high) for low, high in pairs if low.key < high.key]
    spans += [Span(low, last=high) for low, high in pairs if low.key <= high.key]
    one = Advisory(
        "x_A-1",
        PluginName("a"),
        ROOT,
        Severity.LOW,
        "s",
        NOW,
        NOW,
        "",
        (*spans, Span()),
        (STATEMENT,),
        ("u",),
    )
    data = osv.render(one)
    assert osv.parse(data, where="x") == one
    assert osv.render(osv.parse(data, where="x")) == data


def document(**changes: object) -> bytes:
    return json.dumps(json.loads(osv.render(advisory("<1.2.3"))) | changes).encode()


def affected(**changes: object) -> object:
    return [json.loads(document())["affected"][0] | changes]


def test_unknown_fields_are_ignored_and_other_packages_are_not() -> None:
    assert osv.parse(document(credits=[{"name": "x"}], details="…"), where="x") == advisory("<1.2.3")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"affected": []}, "expected one affected package"),
        ({"affected": affected(package={"ecosystem": "npm", "name": "x"})}, "expected one affected package"),
        ({"affected": affected(ranges=[{"type": "GIT", "events": []}])}, "type SEMVER"),
        ({"affected": affected(ranges=[{"type": "SEMVER", "events": [{"fixed": "1.0.0"}]}])}, "in turn"),
        ({"affected": affected(ranges=[{"type": "SEMVER", "events": [{"limit": "1.0.0"}]}])}, "in turn"),
        (
            {"affected": affected(ranges=[{"type": "SEMVER", "events": [{"introduced": "x"}]}])},
            "a version like",
        ),
        ({"id": "CVE-2026-1"}, "expected an id"),
        ({"modified": "yesterday"}, "expected a time"),
        ({"database_specific": {"severity": "dire", "index": ROOT}}, "expected low"),
        ({"database_specific": {"severity": "LOW", "index": "x"}}, "root: expected"),
    ],
)
def test_other_documents_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(IndexUntrusted, match=message):
        osv.parse(document(**changes), where="x")


def part(*names: str) -> Part:
    return {PluginName(name): {f"x_{name.upper()}-1": NOW} for name in names}


def test_an_advisory_is_listed_in_the_last_part_and_the_other_parts_stay() -> None:
    full = part(*[f"p{number}" for number in range(PART_ROWS)])
    one = advisory("<1.0.0")
    parts = with_row([full], one)
    assert parts == [full, {"text-tools": {one.id: NOW}}]
    later = msgspec.structs.replace(one, modified="2026-11-29T00:00:00Z")
    assert with_row(parts, later) == [full, {"text-tools": {one.id: later.modified}}]
    assert parse_part(render_part(parts[1]), where="x") == parts[1]


@pytest.mark.parametrize(
    "text",
    [
        '{"version":2,"plugins":{}}',
        '{"version":1,"plugins":{"../x":[]}}',
        '{"version":1,"plugins":{"x":[["x_A","now"]]}}',
        '{"version":1,"plugins":{"x":[["../../x","2026-11-28T10:00:00Z"]]}}',
        '{"version":1,"plugins":{},"more":1}',
        "[" * 100_000,
    ],
)
def test_lists_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(IndexUntrusted):
        parse_part(text.encode(), where="x")


def test_what_is_known_decides_which_releases_are_affected() -> None:
    one = advisory("<1.2.3", releases=(STATEMENT,))
    listed = {"text-tools": {one.id: one.modified, "x_TARK-2026-0002": NOW}}
    known = Advised({ROOT: IndexAdvisories(listed, {one.id: osv.render(one)})})
    source, other = IndexSource("community", ROOT), IndexSource("community", "sha256:" + "f" * 64)
    git = GitSource("https://example.com/x")
    assert known.affecting(source, "text_tools", V("1.0.0"), None) == (one,)
    assert known.affecting(source, "text-tools", V("1.2.3"), None) == ()
    assert known.fixing(source, "text-tools", V("1.2.3")) == (one,)
    assert known.affecting(other, "text-tools", V("1.0.0"), None) == ()
    assert known.affecting(other, "text-tools", V("1.0.0"), STATEMENT) == (one,)
    # The version of a stranger's plugin of this name says nothing; the very release does.
    assert known.affecting(git, "text-tools", V("1.0.0"), None) == ()
    assert known.affecting(git, "text-tools", V("9.0.0"), STATEMENT) == (one,)
    assert known.fixing(git, "text-tools", V("1.2.3")) == ()
    assert known.index(source).unread("text-tools") == ["x_TARK-2026-0002"]


def test_a_list_that_was_read_before_another_does_not_replace_it() -> None:
    one, two = advisory("<1.2.3"), msgspec.structs.replace(advisory("*"), id="x_TARK-2026-0002")
    old = IndexAdvisories({"text-tools": {one.id: NOW}}, {one.id: osv.render(one)}, version=5)
    new = IndexAdvisories({"text-tools": {one.id: NOW, two.id: NOW}}, {two.id: osv.render(two)}, version=6)
    for merged in (old.merged(new), new.merged(old)):
        assert merged.listed == new.listed
        assert list(merged.of("text-tools")) == [one, two]
        assert merged.version == 6
