"""The world that a record shows: what was there before the call, as far as it was asked for."""

from typing import Any

import pytest

from tarkpm.core.recorded import RecordedCall, RecordedHostCall, case_of

HTTP = {"ok": {"status": 201, "headers": [["a", "b"]], "body": "x"}}


def case(*calls: tuple[str, str, list[Any], Any]) -> Any:
    return case_of(RecordedCall(5, "", "t", "{}", host_calls=tuple(RecordedHostCall(*one) for one in calls)))


def test_requests_are_answered_in_their_order_and_failures_fail() -> None:
    url = "https://a.example/x?q=1"
    found, granted = case(
        ("http", "get", [url, []], HTTP),
        ("http", "get", [url, []], {"err": {"message": "https://a.example: timed out", "status": None}}),
        ("http", "post", [url, "body", []], HTTP),
    )
    first, second = found.http[f"GET {url}"]
    assert (first.status, first.headers, first.body, second.error) == (201, {"a": "b"}, "x", "timed out")
    assert list(found.http) == [f"GET {url}", f"POST {url}"]
    assert list(map(str, granted)) == ["http:a.example"]
    assert (found.milliseconds, found.call, found.arguments_text) == (5, "t", "{}")


def test_only_what_was_there_before_is_there() -> None:
    found, granted = case(
        ("storage", "get", ["old"], "1"),
        ("storage", "set", ["new", "2"], {"ok": None}),
        ("storage", "get", ["new"], "2"),
        ("storage", "list-keys", [], ["new", "old", "other"]),
        ("filesystem", "read", ["./docs/a"], {"ok": "text"}),
        ("filesystem", "write", ["docs/b", "x"], {"ok": None}),
        ("filesystem", "read", ["docs/b"], {"ok": "x"}),
        ("filesystem", "list", ["docs"], {"ok": [{"name": "c", "kind": "file", "size": 3}]}),
        ("filesystem", "stat", ["docs/d"], {"ok": {"name": "d", "kind": "directory", "size": 0}}),
        ("fs", "read", ["~/.config/x/y.json"], {"ok": "***"}),
    )
    assert found.storage == {"old": "1", "other": ""}
    assert found.files == {
        "docs/a": "text",
        "docs/b": "",
        "docs/c": "   ",
        "docs/d/.recorded": "",
        "~/.config/x/y.json": "***",
    }
    assert "filesystem:docs/b" in list(map(str, granted))


def test_variables_and_programs() -> None:
    ran = {"ok": {"exit-code": 1, "stdout": "out", "stderr": "err"}}
    found, granted = case(
        ("env", "get", ["KEY"], "****"),
        ("env", "get", ["NONE"], None),
        ("shell", "run", [["git", "a b"], None, None, 5], ran),
        ("shell", "run", [["no"], None, None, 5], {"err": "does not exist"}),
    )
    assert found.env == {"KEY": "****"}
    assert [(line, run.exit_code, run.stdout, run.stderr) for line, run in found.shell.items()] == [
        ("git 'a b'", 1, "out", "err")
    ]
    assert list(map(str, granted)) == ["env:KEY", "env:NONE", "shell"]


@pytest.mark.parametrize("size", [1 << 20, 1 << 40])
def test_a_folder_of_large_files_is_made_small(size: int) -> None:
    entries = [{"name": str(n), "kind": "file", "size": size} for n in range(5_000)]
    found, _ = case(("filesystem", "list", ["a"], {"ok": entries}))
    assert len(found.files) == 1_000
    assert sum(map(len, found.files.values())) <= 4 << 20
