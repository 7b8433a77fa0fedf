"""tark.toml: read strictly, edited without losing what a person wrote."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import IndexEntry, Project
from tarkpm.core.project_edit import ProjectEdit, edit, edit_index, new
from tarkpm.core.release import GitSource, IndexSource, PathSource, PluginName, Requirement
from tarkpm.core.version import Version
from tarkpm.core.widening import widenings
from tarkpm.errors import ProjectError

KEY = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
WRITTEN = f"""# our plugins
[tark]
version = "0.12.6"   # the tark we run

[plugins]
# the one everybody needs
gemini = {{ git = "https://example.com/x.git", tag = "v1.0.0", path = "tark/gemini" }}  # pinned
mine = {{ path = "../mine" }}

[trust]
gemini = ["{KEY}"]

[grants]
gemini = {{ storage = true, http = ["api.example.com"] }}
"""


def test_a_project_is_read() -> None:
    project = Project.parse(WRITTEN.encode())
    assert project.tark_version == Version(0, 12, 6)
    gemini, mine = PluginName("gemini"), PluginName("mine")
    assert project.requirements[gemini].source == GitSource(
        "https://example.com/x.git", tag="v1.0.0", path="tark/gemini"
    )
    assert project.requirements[mine].is_working_copy
    assert project.trust[gemini] == (KEY,)
    assert list(map(str, project.granted(gemini))) == ["storage", "http:api.example.com"]
    assert not project.granted(mine)


def test_an_edit_keeps_comments_and_everything_else() -> None:
    change = ProjectEdit(PluginName("other"), Requirement(PluginName("other"), PathSource("./o")))
    edited = edit(WRITTEN.encode(), [change]).decode()
    assert edited.replace('other = { path = "./o" }\n', "") == WRITTEN
    assert edit(edited.encode(), [ProjectEdit(PluginName("other"))]).decode() == WRITTEN


def test_a_section_that_becomes_empty_goes_away() -> None:
    edited = edit(
        WRITTEN.encode(), [ProjectEdit(PluginName("gemini")), ProjectEdit(PluginName("mine"))]
    ).decode()
    assert "[trust]" not in edited
    assert "[grants]" not in edited
    assert "# our plugins" in edited


def test_the_tark_version_is_recorded_once() -> None:
    once = edit(new(), [], tark_version=Version(1, 0, 0))
    assert Project.parse(once).tark_version == Version(1, 0, 0)
    assert edit(once, [], tark_version=Version(2, 0, 0)) == once


NAMES = st.sampled_from(["a", "b-c", "d_e", "f1"]).map(PluginName)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
URLS = st.from_regex(r"https://[a-z]{1,5}(:8[0-9])?/[A-Za-z0-9._-]{0,3}[a-z]", fullmatch=True)
TAGS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="^~*"), min_size=1, max_size=10
).filter(lambda text: not re.search(r"(^|[-/_@+])[vV]?[=<>]", text))  # those are ranges on tags
SOURCES = st.builds(GitSource, URLS, tag=TAGS | st.just("^1.2")) | st.builds(PathSource, TEXT)
GRANTS = st.lists(
    st.sampled_from(["storage", "shell", "http:a.b", "http:*.c:80", "env:A_*", "filesystem:d/:ro"]).map(
        Capability.parse
    )
).map(CapabilitySet.of)
CHANGES = st.builds(
    lambda name, source, unsigned, trust, grants: ProjectEdit(name, Requirement(name, source, unsigned), trust, grants),
    NAMES, SOURCES, st.booleans(), st.sampled_from([(), (KEY,)]), GRANTS,
)  # fmt: skip


@given(st.lists(CHANGES, max_size=4))
def test_an_edit_reads_back_to_exactly_what_it_says(changes: list[ProjectEdit]) -> None:
    project = Project.parse(edit(new(Version(1, 2, 3)), changes))
    last = {change.name: change for change in changes}
    assert dict(project.requirements) == {name: change.requirement for name, change in last.items()}
    assert dict(project.trust) == {name: change.trust for name, change in last.items() if change.trust}
    assert dict(project.grants) == {name: change.grants for name, change in last.items() if change.grants}


@pytest.mark.parametrize(
    ("text", "sentence", "where"),
    [
        ("[plugin]\n", "'plugin' is not a known key", "tark.toml"),
        ("[grant]\n", "'grant' is not a known key", "tark.toml"),
        ('[tark]\nversion = "x"', "expected a version like 1.2.3, found 'x'", "tark.toml: tark.version"),
        ('[plugins]\na = "^1"', "a version range requires an index, but there is no [index.NAME]", "tark.toml: plugins.a"),
        ('[plugins]\na = { git = "https://h/x", tag = "1", branch = "2" }', "expected one of tag, branch and rev, found several", "tark.toml: plugins.a"),
        ('[plugins]\na = { git = "https://h/x", rev = "abc" }', "rev: expected 40 hexadecimal digits, found 'abc'", "tark.toml: plugins.a"),
        ('[plugins]\na = { git = "https://h/x", commit = "%s" }' % ("a" * 40), "commit belongs in tark.lock; expected rev", "tark.toml: plugins.a"),
        ('[plugins]\na = { git = "https://h/x", unsigned = "yes" }', "unsigned: expected true or false, found 'yes'", "tark.toml: plugins.a"),
        ('[plugins]\na-b = { path = "x" }\na_b = { path = "y" }', "'a_b' and 'a-b' are the same name", "tark.toml: plugins.a_b"),
        ('[plugins]\n"../x" = { path = "x" }', "expected at most 64 letters and digits joined by - or _, found '../x'", "tark.toml: plugins.../x"),
        ('[trust]\na = ["ed25519:x"]', "expected ed25519: and 44 characters of base64, found 'ed25519:x'", "tark.toml: trust.a"),
        ('[grants]\na = { shel = true }', "shel: expected one of storage, http, env, filesystem, fs_read, oauth, credentials, secret, shell; did you mean 'shell'?", "tark.toml: grants.a"),
        ('[grants]\na = { http = ["*"] }', "http: expected a host like api.example.com, *.example.com or host:8080, found '*'", "tark.toml: grants.a"),
        ("[plugins\n", "not valid TOML: expected ']' at the end of a table declaration (at line 1, column 9)", "tark.toml"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_a_bad_project_is_one_clear_error(text: str, sentence: str, where: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Project.parse(text.encode())
    assert (caught.value.message, caught.value.where) == (sentence, where)


@given(st.lists(CHANGES, max_size=4), st.lists(CHANGES, max_size=4))
def test_only_what_was_not_accepted_is_asked_about(
    before: list[ProjectEdit], after: list[ProjectEdit]
) -> None:
    one, other = (Acceptance.of(Project.parse(edit(new(), changes)), Lock()) for changes in (before, after))
    nothing = Acceptance()
    assert widenings(other, other) == ()
    if not widenings(other, one):
        assert widenings(other, nothing) == () or widenings(one, nothing)


# -- indexes

ROOT, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
COMMUNITY = IndexEntry(PluginName("community"), "https://index.example/tark", ROOT)
CORPORATE = IndexEntry(PluginName("corporate"), "../corporate", OTHER)


def test_a_range_alone_means_the_one_index_there_is() -> None:
    text = edit_index(b"", COMMUNITY.name, COMMUNITY) + b'\n[plugins]\na = "^1.2"\n'
    assert Project.parse(text).requirements[PluginName("a")] == Requirement(
        PluginName("a"), IndexSource("community", ROOT), range="^1.2"
    )


def test_with_a_second_index_every_range_names_its_index() -> None:
    one = edit_index(WRITTEN.encode(), COMMUNITY.name, COMMUNITY)
    change = ProjectEdit(PluginName("a"), Requirement(PluginName("a"), COMMUNITY.source, range="^1.2"))
    one = edit(one, [change])
    assert b'a = "^1.2"\n' in one
    two = edit_index(one, CORPORATE.name, CORPORATE)
    assert b'a = { index = "community", version = "^1.2" }\n' in two
    assert Project.parse(two).requirements == Project.parse(one).requirements
    again = edit_index(two, CORPORATE.name, None)
    assert b'a = { index = "community", version = "^1.2" }\n' in again  # it still says the same
    assert Project.parse(again) == Project.parse(one)
    none = edit_index(edit(again, [ProjectEdit(PluginName("a"))]), COMMUNITY.name, None)
    assert none.strip() == WRITTEN.encode().strip()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[index.x]\nurl = "https://u:p@h/"\nroot = "ROOT"', "url: expected a URL without user, password, query or fragment"),
        ('[index.x]\nurl = "https://ex\u0430mple.com/"\nroot = "ROOT"', "url: expected a host in ASCII (xn--… for others)"),
        ('[index.x]\nurl = "https://h/?token=s3cret"\nroot = "ROOT"', "url: expected a URL without user, password, query or fragment"),
        ('[index.x]\nurl = "ftp://h/"\nroot = "ROOT"', "url: expected https://… or a folder, found 'ftp://h/'"),
        ('[index.x]\nurl = ""\nroot = "ROOT"', "expected a value, found an empty string"),
        ('[index.x]\nurl = "https://h"\nroot = "sha256:12"', "root: expected sha256: and 64 hexadecimal digits, found 'sha256:12'"),
        ('[index.x]\nurl = "https://h"', "'root' is required"),
        ('[index.x]\nurl = "https://h"\nroot = "ROOT"\n[index.y]\nurl = "https://i"\nroot = "ROOT"\n[plugins]\na = "^1"', "expected { index = …, version = … }, because the project has several indexes: x, y"),
        ('[index.x]\nurl = "https://h"\nroot = "ROOT"\n[plugins]\na = { index = "y" }', "there is no [index.y]"),
        ('[index.x]\nurl = "https://h"\nroot = "ROOT"\n[plugins]\na = { index = "x", unsigned = true }', "'unsigned' is not a known key, expected index and version"),
        ('[index.x]\nurl = "https://h"\nroot = "ROOT"\n[plugins]\na = "latest"', "expected a range like ^1.2, found 'latest'"),
    ],
)  # fmt: skip
def test_an_index_that_is_not_set_up_right_is_one_clear_error(text: str, sentence: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Project.parse(text.replace("ROOT", ROOT).encode())
    assert caught.value.message == sentence
    assert "s3cret" not in str(caught.value.where)


def test_an_index_is_a_decision() -> None:
    before = Acceptance.of(Project(), Lock())
    after = Acceptance.of(Project(indexes={COMMUNITY.name: COMMUNITY}), Lock())
    assert list(map(str, widenings(after, before))) == [
        f"take plugins from the index 'community' at https://index.example/tark {ROOT}"
    ]
    assert widenings(after, after) == ()
