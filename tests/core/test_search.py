"""The search catalogue: what it shows of a plugin, and what it refuses."""

import pytest

from tarkpm.core.claim import Claim
from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.release import plugin_name
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.search import MAX_LINE, SearchEntry, entry_of, parse, render
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

TEXT = SearchEntry(plugin_name("text-tools"), Version.parse("1.2.0"), "tool", ("storage",), "counts “words”")
JSON = SearchEntry(plugin_name("json-core"), Version.parse("2.0.0-rc.1"), "hook")


def _row(version: str, **fields: object) -> ReleaseRow:
    statement = StatementEntry(sha256(version.encode()), 868)
    return ReleaseRow(Version.parse(version), "tool", statement, (), **fields)  # type: ignore[arg-type]


def _listing(*rows: ReleaseRow) -> Listing:
    return Listing(plugin_name("text-tools"), rows)


def test_a_catalogue_is_read_as_it_was_written_in_order_of_name() -> None:
    data = render([TEXT, JSON])
    assert list(parse(data.splitlines(keepends=True), where="x")) == [JSON, TEXT]
    assert data.startswith(b'{"version":1}\n["json-core","2.0.0-rc.1","hook",[],""]\n')


def test_the_newest_release_that_is_neither_yanked_nor_a_prerelease_is_shown() -> None:
    rows = [
        _row("1.0.0"),
        _row(
            "1.1.0", description="a \n\tb" + "x" * 200, capabilities=("http:a.example", "http:b", "storage")
        ),
        _row("1.2.0", yanked="broken"),
        _row("2.0.0-rc.1"),
    ]
    entry = entry_of(_listing(*rows))
    assert entry is not None
    assert (str(entry.version), entry.capabilities) == ("1.1.0", ("storage", "http"))
    assert entry.description == "a b" + "x" * 116 + "…"
    found = entry_of(
        _listing(*rows), Claim(TEXT.name, None, revoked_versions={"1.1.0": rows[0].statement.sha256})
    )
    assert found is not None
    assert str(found.version) == "1.0.0"


def test_a_plugin_with_nothing_to_take_is_not_shown() -> None:
    assert entry_of(_listing(_row("1.0.0", yanked="broken"))) is None
    only = entry_of(_listing(_row("1.0.0-rc.1")))
    assert only is not None
    assert str(only.version) == "1.0.0-rc.1"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "expected a search catalogue, found nothing"),
        (
            b'{"version":2}\n',
            "line 1: expected a catalogue of version 1, found 2: it requires a newer tarkpm",
        ),
        (b'{"version":1}\n["../x","1.0.0","tool",[],""]\n', "line 2: expected at most 64 letters and digits"),
        (b'{"version":1}\n["x","1","tool",[],""]\n', "line 2: "),
        (b'{"version":1}\n["x","1.0.0","virus",[],""]\n', "line 2: type: expected one of"),
        (b'{"version":1}\n["x","1.0.0","tool",[]]\n', "line 2: "),
        (b'{"version":1}\n["x","1.0.0","tool",[],"","more"]\n', "line 2: "),
        (b'{"version":1}\n' + b"[" * MAX_LINE, "line 2: "),
        (b'{"version":1}\n' + b"x" * (MAX_LINE + 1), f"line 2: expected at most {MAX_LINE} bytes"),
    ],
)
def test_what_is_no_catalogue_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(IndexUntrusted) as problem:
        list(parse(data.splitlines(keepends=True), where="index/_search.json"))
    assert said in problem.value.message
    assert problem.value.where == "index/_search.json"
