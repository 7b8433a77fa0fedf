"""Merging locks by plugin: what has one answer, what has none, and how git's markers are read back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.locked import ENTRY

from tarkpm.core.lock_merge import agreed, merge, merged_text, read_conflict
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version

NAMES = "abcd"


def entry(name: str, minor: int) -> LockEntry:
    return msgspec.structs.replace(ENTRY, name=PluginName(name), version=Version(1, minor, 0))


LOCKS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)).map(
    lambda chosen: Lock.of(entry(name, minor) for name, minor in chosen.items())
)


@given(LOCKS, LOCKS)
def test_what_one_side_changed_is_taken(base: Lock, theirs: Lock) -> None:
    for sides in ((base, theirs), (theirs, base), (theirs, theirs)):
        assert Lock.of(merge(base, *sides).entries) == theirs
        assert merge(base, *sides).conflicts == ()


@given(LOCKS, LOCKS, LOCKS)
def test_two_compatible_updates_merge_to_both(base: Lock, ours: Lock, theirs: Lock) -> None:
    """Each plugin by itself: nobody's change is lost, and no side is taken where both changed."""
    merged = merge(base, ours, theirs)
    result = Lock.of(merged.entries)
    for name in NAMES:
        was, our, their = (side.get(name) for side in (base, ours, theirs))
        if name in merged.conflicts:
            assert was != our != their != was
        else:
            assert result.get(name) == (their if our == was else our)


@given(LOCKS, LOCKS, LOCKS)
def test_a_conflict_is_read_back(base: Lock, ours: Lock, theirs: Lock) -> None:
    merged = merge(base, ours, theirs)
    text, conflict = merged_text(*map(render, (base, ours, theirs)))
    assert conflict == bool(merged.conflicts)
    if not conflict:
        assert text == render(Lock.of(merged.entries))
        return
    sides = read_conflict(text)
    assert sides is not None
    kept = {one.name for one in agreed(*sides).entries}
    both = {name for name in merged.conflicts if ours.get(name) and theirs.get(name)}
    assert not kept & both
    assert {one.name for one in merged.entries} <= kept


TABLE = render(Lock.of([entry("a", 0)])).decode()
NEWER = TABLE.replace('"1.0.0"', '"1.1.0"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        TABLE,
        f"<<<<<<< HEAD\n{TABLE}",
        f"<<<<<<< HEAD\n{TABLE}=======\n{NEWER}",
        f"{TABLE}=======\n{NEWER}>>>>>>> x\n",
        f"<<<<<<< HEAD\n<<<<<<< HEAD\n{TABLE}=======\n{NEWER}>>>>>>> x\n>>>>>>> x\n",
        f"<<<<<<< HEAD\n{TABLE}||||||| base\n>>>>>>> x\n",
        f"<<<<<<< HEAD\nnot a lock\n=======\n{NEWER}>>>>>>> x\n",
        "<<<<<<< HEAD\n\udcff",
    ],
)
def test_what_is_no_conflict_of_two_locks(text: str) -> None:
    assert read_conflict(text.encode("utf-8", "surrogateescape")) is None


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("base", ["", "||||||| base\nwhatever\n"])
def test_markers_as_git_writes_them(ending: str, base: str) -> None:
    text = f"<<<<<<< HEAD\n{TABLE}{base}=======\n{NEWER}>>>>>>> feature\n".replace("\n", ending)
    sides = read_conflict(text.encode())
    assert sides is not None
    assert [str(side.entries[0].version) for side in sides] == ["1.0.0", "1.1.0"]
    assert agreed(*sides) == Lock()


@pytest.mark.parametrize("conflicting", [False, True])
def test_a_merge_keeps_the_line_ends_and_the_byte_order_mark_of_ours(conflicting: bool) -> None:
    base = Lock.of([entry("a", 0)])
    ours, theirs = Lock.of([entry("a", 1)]), Lock.of([entry("a", 2 if conflicting else 0), entry("b", 0)])
    plain, _ = merged_text(*map(render, (base, ours, theirs)))
    mark = "\ufeff".encode()
    windows = mark + render(ours).replace(b"\n", b"\r\n")
    text, conflict = merged_text(render(base), windows, render(theirs))
    assert text == mark + plain.replace(b"\n", b"\r\n")
    assert conflict == conflicting == (read_conflict(text) is not None)


def test_a_side_that_is_no_lock_is_not_lost() -> None:
    text, conflict = merged_text(TABLE.encode(), b"garbage\n", NEWER.encode())
    assert conflict
    assert b"garbage" in text
    assert NEWER.encode() in text


def test_a_version_1_side_makes_a_version_1_lock() -> None:
    old = msgspec.structs.replace(entry("a", 0), capabilities=None)
    base = Lock.of([old])
    text, conflict = merged_text(render(base), render(base), render(Lock.of([entry("a", 0), entry("b", 0)])))
    assert (conflict, b"\nversion = 2\n" in text) == (False, True)  # a is complete in theirs
    text, conflict = merged_text(render(base), render(Lock.of([old, msgspec.structs.replace(entry("c", 0), capabilities=None)])), render(base))  # fmt: skip
    assert (conflict, b"\nversion = 1\n" in text, b"capabilities" in text) == (False, True, False)
