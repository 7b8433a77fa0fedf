"""An edit of tark.toml changes only the lines of the values it changes, however the file is laid out."""

import tomllib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.project_texts import COMMUNITY, KEYS, NAMES, Text, texts

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.project import IndexEntry, Project
from tarkpm.core.project_edit import ProjectEdit, edit, edit_index
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource, PluginName, Requirement
from tarkpm.core.toml_edit import rewrite
from tarkpm.core.version import Version
from tarkpm.errors import ProjectError

CORPORATE = IndexEntry(PluginName("corporate"), "../corporate", "sha256:" + "b" * 64)

# -- edits

GRANTS = st.lists(
    st.sampled_from(
        ["storage", "shell", "http:a.example", "http:b.example", "http:*.c.example", "env:A"]
    ).map(Capability.parse)
).map(CapabilitySet.of)


@st.composite
def edits_of(draw: st.DrawFn, project: Project) -> ProjectEdit:
    """An edit as the verbs make them: what it does not change, it repeats."""
    name = draw(st.sampled_from([*NAMES, PluginName("new")]))
    before = project.requirements.get(name)
    if draw(st.integers(0, 3)) == 0:
        return ProjectEdit(name)
    sources: list[Requirement] = [
        Requirement(name, GitSource("https://h.example/x", tag="v2")),
        Requirement(name, GitSource("https://h.example/x", branch="main"), unsigned=True),
        Requirement(name, PathSource("../other")),
        Requirement(name, OciSource("h.example/x", "^2"), unsigned=True),
        Requirement(name, OciSource("h.example/x", digest=f"sha256:{'1' * 64}")),
    ]
    if project.indexes:
        sources.append(Requirement(name, COMMUNITY.source, range="^2"))
    requirement = before if before and draw(st.booleans()) else draw(st.sampled_from(sources))
    trust, grants = project.trust.get(name, ()), project.granted(name)
    if draw(st.booleans()):
        trust = tuple(draw(st.lists(st.sampled_from(KEYS), unique=True)))
    if draw(st.booleans()):
        grants = draw(GRANTS)
    return ProjectEdit(name, requirement, trust, grants)


def differing(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterable[tuple[str, ...]]:
    """Every path whose value differs; a table on one side only differs with all that is below it."""
    if before == after:
        return
    yield path
    one, other = (value if isinstance(value, dict) else {} for value in (before, after))
    for key in one.keys() | other.keys():
        yield from differing(one.get(key), other.get(key), (*path, key))


def check_lines(text: Text, result: bytes, expected: set[tuple[str, ...]]) -> None:
    """Every line that is not about a value in ``expected`` is in the result, byte for byte and in order."""
    old, now = text.data.decode(), result.decode()
    raw_before, raw_after = (
        tomllib.loads(old.removeprefix("\ufeff")),
        tomllib.loads(now.removeprefix("\ufeff")),
    )
    changed = {path for path in differing(raw_before, raw_after) if path}
    # 1. the values that differ are those the edit is about
    assert {path[:2] for path in changed if len(path) > 1} <= {path[:2] for path in expected}, changed
    # 2. the lines of everything else are there, in order
    may = {path for path in changed if len(path) > 1}

    def stays(about: tuple[str, ...]) -> bool:
        match about:
            case ():
                return True
            case (section, "[]"):  # the header of a table that became empty may go
                return bool(raw_after.get(section))
            case (section, "*"):
                return all(path[0] != section for path in may)
            case (section, name, part):
                there = raw_after.get(section, {}).get(name)
                return isinstance(there, dict) and about not in may and (part != "inside" or bool(there))
        return about not in may

    ending = text.ending if text.ending in old else "\n"
    lines = now.removeprefix("\ufeff").split(ending)
    rest = iter(lines)
    for about, line in text.lines:
        assert not line.strip() or not stays(about) or line in rest, (line, now)
    # 3. nothing is doubled, and line ends, byte order mark and final newline are as they were
    comments = [part for line in lines for part in line.split("#")[1:] if part.startswith(" c")]
    assert len(comments) == len(set(comments))
    assert now.startswith("\ufeff") == old.startswith("\ufeff")
    assert now.count("\n") == now.count(ending)
    if old.strip("\ufeff") and now.strip("\ufeff"):
        assert now.endswith("\n") == old.endswith("\n")


@given(st.data())
def test_an_edit_changes_only_the_lines_of_what_it_is_about(data: st.DataObject) -> None:
    text = data.draw(texts())
    before = Project.parse(text.data)
    change = data.draw(edits_of(before))
    result = edit(text.data, [change])
    after = Project.parse(result)
    name = change.name
    gone = change.requirement is None
    assert after.requirements == {k: v for k, v in before.requirements.items() if k != name} | (
        {} if change.requirement is None else {name: change.requirement}
    )
    assert after.trust.get(name, ()) == (() if gone else change.trust)
    assert after.granted(name) == change.grants
    for other in NAMES:
        if other != name:
            assert after.trust.get(other) == before.trust.get(other)
            assert after.granted(other) == before.granted(other)
    expected: set[tuple[str, ...]] = set()
    if before.requirements.get(name) != change.requirement:
        expected.add(("plugins", name))
    if gone or before.trust.get(name, ()) != change.trust:
        expected.add(("trust", name))
    if gone or before.granted(name) != change.grants:
        expected.add(("grants", name))
    check_lines(text, result, expected)
    assert edit(result, [change]) == result


@given(texts())
def test_an_edit_that_changes_nothing_changes_no_byte(text: Text) -> None:
    project = Project.parse(text.data)
    changes = [
        ProjectEdit(name, one, project.trust.get(name, ()), project.granted(name))
        for name, one in project.requirements.items()
    ]
    assert edit(text.data, changes) == text.data
    for entry in project.indexes.values():
        assert edit_index(text.data, entry.name, entry) == text.data


@given(texts())
def test_a_second_index_changes_only_ranges_that_would_become_ambiguous(text: Text) -> None:
    before = Project.parse(text.data)
    result = edit_index(text.data, CORPORATE.name, CORPORATE)
    after = Project.parse(result)
    assert after == Project(
        before.tark_version,
        {**before.indexes, CORPORATE.name: CORPORATE},
        before.requirements,
        before.trust,
        before.grants,
    )
    raw = tomllib.loads(text.data.decode().removeprefix("\ufeff")).get("plugins", {})
    ranges: set[tuple[str, ...]] = {("plugins", name) for name, one in raw.items() if isinstance(one, str)}
    check_lines(text, result, {("index", "corporate"), *ranges})
    again = edit_index(result, CORPORATE.name, None)
    check_lines(text, again, ranges)
    assert Project.parse(again) == before


@given(texts(), st.sampled_from(NAMES))
def test_what_was_added_and_removed_again_leaves_the_text_as_it_was(text: Text, name: PluginName) -> None:
    new = PluginName("new")
    added = edit(
        text.data,
        [
            ProjectEdit(
                new,
                Requirement(new, PathSource("./n")),
                (KEYS[0],),
                CapabilitySet.of([Capability("storage")]),
            )
        ],
    )
    again = edit(added, [ProjectEdit(new)])
    assert [line for line in again.split(b"\n") if line.strip()] == [
        line for line in text.data.split(b"\n") if line.strip()
    ]


WRITTEN = """\
tark.version = "0.12.6"
plugins.dotted.path = "../d" # where
plugins.text-tools = {path="../a"}  # why we need it

[grants.text-tools] # the grants
storage = true
# hosts it talks to
http = [ # all of them
    "b.example", # the new one
    "a.example"
]
"""


def granted(text: str, name: str, *capabilities: str) -> str:
    project = Project.parse(text.encode())
    grants = CapabilitySet.of(map(Capability.parse, capabilities))
    change = ProjectEdit(
        PluginName(name),
        project.requirements[PluginName(name)],
        project.trust.get(PluginName(name), ()),
        grants,
    )
    return edit(text.encode(), [change]).decode()


@pytest.mark.parametrize(
    ("capabilities", "old", "new"),
    [
        (("storage", "http:b.example"), '    "a.example"\n', ""),
        (("storage", "http:a.example"), '    "b.example", # the new one\n', ""),
        (("http:a.example", "http:b.example"), "storage = true\n", ""),
        (("storage", "shell", "http:a.example", "http:b.example"), "]\n", "]\nshell = true\n"),
        (
            ("storage", "http:a.example", "http:b.example", "http:c.example"),
            '    "a.example"\n',
            '    "a.example",\n    "c.example"\n',
        ),
    ],
)
def test_one_scope_is_one_line(capabilities: tuple[str, ...], old: str, new: str) -> None:
    result = granted(WRITTEN, "text-tools", *capabilities)
    assert result == WRITTEN.replace("[ #", "[\0#").replace(old, new).replace("[\0#", "[ #")


def test_what_stays_granted_keeps_its_spelling() -> None:
    text = "[plugins]\nx = {path = '.'}\n[grants]\nx = { http=['B.example:443',  'c.example'], shell = false } #\n"
    assert granted(text, "x", "http:a.example", "http:b.example") == text.replace(
        "['B.example:443',  'c.example']", "['B.example:443', \"a.example\"]"
    )


def test_a_table_takes_its_own_comments_along_when_it_is_removed() -> None:
    assert granted(WRITTEN, "text-tools") == WRITTEN[: WRITTEN.index("\n[grants")]


def test_new_decisions_are_written_in_the_style_of_the_file() -> None:
    two = granted(granted(WRITTEN, "dotted", "storage"), "text-tools")
    assert two.endswith("\n\n[grants.dotted]\nstorage = true\n")
    name = PluginName("x")
    change = ProjectEdit(name, Requirement(name, PathSource("./x")), (KEYS[0],))
    only_dotted = 'plugins.dotted.path = "../d" # where\r\n'
    assert edit(only_dotted.encode(), [change]).decode() == (
        f'{only_dotted}plugins.x = {{ path = "./x" }}\r\n\r\n[trust]\r\nx = ["{KEYS[0]}"]\r\n'
    )


def test_a_moved_pin_changes_its_value_alone() -> None:
    text = "[plugins]\nx = {git='https://h.example/x', tag = 'v1', path='p'} # pinned\n"
    name = PluginName("x")
    source = GitSource("https://h.example/x", tag="v2", path="p")
    assert edit(text.encode(), [ProjectEdit(name, Requirement(name, source))]).decode() == text.replace(
        "'v1'", '"v2"'
    )


def test_a_section_with_a_comment_outlives_its_last_entry() -> None:
    text = "[plugins]\n# nothing is needed without a reason\nx = { path = './x' }\n"
    assert edit(text.encode(), [ProjectEdit(PluginName("x"))]).decode() == text[: text.index("x =")]


def test_a_byte_order_mark_is_read_and_kept() -> None:
    name = PluginName("x")
    change = ProjectEdit(name, Requirement(name, PathSource("./x")))
    data = edit("\ufeff[tark]\n".encode(), [change], tark_version=Version(1, 2, 3))
    assert data.decode() == '\ufeff[tark]\nversion = "1.2.3"\n\n[plugins]\nx = { path = "./x" }\n'
    assert Project.parse(data).tark_version == Version(1, 2, 3)
    with pytest.raises(ProjectError, match="not valid TOML"):  # one mark is one too many in the middle
        Project.parse("\ufeff\ufeff[tark]\n".encode())


def test_a_layout_that_is_not_understood_is_not_edited() -> None:
    with pytest.raises(ValueError, match="unexpected TOML at character 1"):
        rewrite("[[x]]\ny = 1\n", {"x": [{"y": 2}]})


def test_a_large_project_is_edited_at_once() -> None:
    names = [PluginName(f"p{number}") for number in range(1000)]
    changes = [ProjectEdit(name, Requirement(name, PathSource("./x")), (KEYS[0],)) for name in names]
    added = edit(b"", changes)
    assert len(Project.parse(added).requirements) == 1000
    assert edit(added, [ProjectEdit(name) for name in names]) == b""


def test_a_named_index_stays_named() -> None:
    root = "sha256:" + "a" * 64
    text = f'[index.c]\nurl = "https://x.example"\nroot = "{root}"\n\n[plugins]\na = {{ index = "c", version = "^1" }}\n'
    change = ProjectEdit(
        PluginName("a"), Requirement(PluginName("a"), IndexSource("c", root), range="^2"), (), CapabilitySet()
    )
    assert 'a = { index = "c", version = "^2" }' in edit(text.encode(), [change]).decode()


def test_an_exclusion_is_added_once_and_goes_with_its_plugin() -> None:
    calc, memo = PluginName("calc"), PluginName("memo-pad")
    data = b'[tark]\nminimum-release-age = "3d"\n'
    added = edit(data, [], any_age=[calc, memo])
    assert added == data + b'minimum-release-age-exclude = ["calc", "memo-pad"]\n'
    assert edit(added, [], any_age=[PluginName("memo_pad")]) == added
    left = edit(added, [], dropped=[PluginName("memo_pad")])
    assert left == data + b'minimum-release-age-exclude = ["calc"]\n'
    assert edit(left, [], dropped=[calc]) == data
    assert edit(b"[tark]\n", [], dropped=[calc]) == b"[tark]\n"
