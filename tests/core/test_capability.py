"""Capabilities: what covers what, and that narrowing never widens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.capability import Capability, CapabilitySet

LABELS = st.sampled_from(["a", "b", "x", "api"])
HOSTS = st.builds(
    lambda star, labels, port: ("*." if star else "") + ".".join(labels) + port,
    st.booleans(),
    st.lists(LABELS, min_size=1, max_size=3),
    st.sampled_from(["", ":443", ":8080"]),
)
ENVS = st.builds(
    lambda name, star: name + ("*" if star else ""), st.sampled_from(["A", "AB", "A_", "A_B"]), st.booleans()
)
FOLDERS = st.builds(
    lambda parts, mode: "/".join(parts) + "/" + mode,
    st.lists(LABELS, min_size=1, max_size=3),
    st.sampled_from(["", ":ro"]),
)
PARTS = st.sampled_from(["a", "ab", "b", ".a", "*", "a*", "*b", "a*b", ".*"])
READS = st.builds(
    lambda first, parts, below: "~/" + "/".join([first, *parts]) + ("/**" if below else ""),
    st.sampled_from(["a", ".tool"]),
    st.lists(PARTS, max_size=2),
    st.booleans(),
)
SECRETS = st.builds(
    lambda id_, name, place: f"secret:{id_}{name}{place}",
    st.sampled_from(["token", "key"]),
    st.sampled_from(["", "=github", "=work", "=oauth:github"]),
    st.sampled_from(
        ["", " to a.x as authorization: Bearer {}", " to a.x as x-key: {}", " to b.x:8443 as x-key: {}"]
    ),
)
CAPABILITIES = st.one_of(
    st.sampled_from(["storage", "shell"]),
    HOSTS.map("http:{}".format),
    ENVS.map("env:{}".format),
    FOLDERS.map("filesystem:{}".format),
    READS.map("fs_read:{}".format),
    SECRETS,
    st.sampled_from(["oauth:a.x", "oauth:b.x:8443", "credentials:~/a.json", "credentials:${HOME}/a.json"]),
).map(Capability.parse)
SETS = st.lists(CAPABILITIES, max_size=5).map(CapabilitySet.of)


@given(SETS, SETS)
def test_narrowing_is_covered_by_both(one: CapabilitySet, other: CapabilitySet) -> None:
    met = one.narrow(other)
    assert one.covers(met)
    assert other.covers(met)


@given(SETS, SETS)
def test_what_is_beyond_is_what_is_not_covered(one: CapabilitySet, other: CapabilitySet) -> None:
    beyond = one.beyond(other)
    assert one.covers(beyond)
    assert bool(beyond) != other.covers(one)
    assert other.union(beyond).covers(one)


@given(SETS)
def test_a_set_covers_itself_and_reads_back(one: CapabilitySet) -> None:
    assert one.covers(one)
    assert one.narrow(one) == one
    assert CapabilitySet.from_table(one.to_table()) == one
    assert CapabilitySet.of(map(Capability.parse, map(str, one))) == one


@pytest.mark.parametrize("host", ["[::1]", "[2001:db8::5]:8443", "[::ffff:a00:1]", "10.0.0.1"])
def test_an_address_has_one_spelling_on_every_python(host: str) -> None:
    assert Capability.parse(f"http:{host}").scope == host


@given(CAPABILITIES, CAPABILITIES, CAPABILITIES)
def test_covering_is_transitive(a: Capability, b: Capability, c: Capability) -> None:
    if a.covers(b) and b.covers(c):
        assert a.covers(c)


@pytest.mark.parametrize(
    ("holds", "wants", "covered"),
    [
        ("http:*.googleapis.com", "http:oauth2.googleapis.com", True),
        ("http:*.googleapis.com", "http:googleapis.com", True),
        ("http:*.googleapis.com", "http:googleapis.com.evil.com", False),
        ("http:*.googleapis.com", "http:evilgoogleapis.com", False),
        ("http:api.example.com", "http:api.example.com:443", True),
        ("http:api.example.com", "http:api.example.com:8080", False),
        ("http:api.example.com", "http:API.example.com", True),
        ("http:*.example.com", "http:*.a.example.com", True),
        ("http:*.a.example.com", "http:*.example.com", False),
        ("env:GEMINI_*", "env:GEMINI_API_KEY", True),
        ("env:GEMINI_*", "env:OPENAI_API_KEY", False),
        ("filesystem:docs/", "filesystem:docs/a/", True),
        ("filesystem:docs/:ro", "filesystem:docs/a/", False),
        ("filesystem:docs/", "filesystem:docs/a/:ro", True),
        ("filesystem:docs/", "filesystem:docs2/", False),
        ("fs_read:~/.codex/auth.json", "fs_read:~/.codex/auth.json", True),
        ("fs_read:~/.codex/", "fs_read:~/.codex/auth.json", True),
        ("fs_read:~/.codex/*.json", "fs_read:~/.codex/auth.json", True),
        ("fs_read:~/.codex/*.json", "fs_read:~/.codex/sub/auth.json", False),
        ("fs_read:~/work/**", "fs_read:~/work/a/b.md", True),
        ("fs_read:~/work/**", "fs_read:~/work/.hidden", False),
        ("fs_read:~/work/**", "fs_read:~/work/a/.hidden/b", False),
        ("fs_read:~/work/*", "fs_read:~/work/**", False),
        ("fs_read:~/work/**", "fs_read:~/work", False),
        ("fs_read:~/work/a", "fs_read:~/work/A", False),
        ("oauth:a.example", "oauth:a.example:443", True),
        ("oauth:a.example", "oauth:b.a.example", False),
        ("credentials:~/a.json", "fs_read:~/a.json", False),
        ("storage", "shell", False),
    ],
)
def test_what_covers_what(holds: str, wants: str, covered: bool) -> None:
    assert Capability.parse(holds).covers(Capability.parse(wants)) is covered


@pytest.mark.parametrize(
    "text",
    [
        "http:*", "http:*.*.x", "http:", "http:a b", "http:x/y", "http:http://x", "http:x:0", "http:x:99999",
        "http:127.1", "http:0x7f.1.2.3.4.5", "http:[::1", "http:[0:0::1]", "http:[::ffff:10.0.0.1]", "http:*.", "http:.x", "env:*", "env:",
        "env:A-B", "env:A*B", "filesystem:/etc", "filesystem:../x", "filesystem:a/../b", "filesystem:~/x",
        "filesystem:", "filesystem:a//b", "filesystem:C:\\x", "filesystem:*/", "storage:x", "shell:ls", "fs", "",
        "http:exämple.com", "filesystem:a\x1b/", "oauth:*.example.com", "oauth:private:a.example", "oauth:https://a/",
        "fs_read:~", "fs_read:~/", "fs_read:~/*", "fs_read:~/**", "fs_read:/", "fs_read:/etc/passwd", "fs_read:a",
        "fs_read:~/../x", "fs_read:~/a/../../x", "fs_read:~/a//b", "fs_read:~/a/./b", "fs_read:~user/x",
        "fs_read:~/a/~/b", "fs_read:~/a*/b", "fs_read:~/a/**/b", "fs_read:~/a/*b*", "fs_read:~/a\\b",
        "fs_read:~/a/?", "fs_read:~/a/$HOME", "fs_read:~/a\x1b", "fs_read:~/a/\u202e", "fs_read:~/" + "a/" * 40,
        "credentials:~/a.sh", "credentials:~/.vimrc", "credentials:/etc/a.json", "credentials:~/*.json",
        "credentials:${HOME}/../a.json", "credentials:$HOME/a.json", "credentials:${${HOME}}/a.json",
        "credentials:~/${HOME", "credentials:${HOME}/a\n.json", "credentials:../${HOME}/a.json",
    ],
)  # fmt: skip
def test_patterns_that_are_malformed_or_too_wide_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected|takes no scope"):
        Capability.parse(text)


def test_a_table_with_wrong_types_is_refused() -> None:
    with pytest.raises(ValueError, match="storage: expected true or false, found 'yes'"):
        CapabilitySet.from_table({"storage": "yes"})
    with pytest.raises(ValueError, match="http: expected a list of strings, found 'x'"):
        CapabilitySet.from_table({"http": "x"})
    with pytest.raises(ValueError, match="env: expected a variable name"):
        CapabilitySet.from_table({"env": ["*"]})
