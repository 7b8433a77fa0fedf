"""plugin.toml: real manifests load, bad ones are refused with the key, what was expected and what was found."""

import pytest

from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MAX_MANIFEST
from tarkpm.core.version import Version
from tarkpm.errors import ManifestError

GOOD = """
[plugin]
name = "Text-Tools"
version = "1.2.0"
type = "tool"
min_tark_version = "0.6.0"
[dependencies]
json-core = "^1.2"
[capabilities]
storage = true
http = ["api.example.com", "*.googleapis.com"]
env = ["GEMINI_*"]
"""

# shaped like the three that upstream publishes: unknown tables and keys, a channel, home-relative fs_read
UPSTREAM = {
    "chatgpt": """
[plugin]
name = "chatgpt-oauth"
version = "0.2.0"
type = "provider"
description = "ChatGPT via OAuth"
author = "tark"
api_version = "0.1"
wasm = "plugin.wasm"
[capabilities]
storage = true
http = ["auth.openai.com", "chatgpt.com", "*.openai.com"]
env = ["HOME", "OPENAI_*"]
fs_read = ["~/.codex/auth.json", "~/.config/tark/*.json"]
[oauth]
provider = "openai"
flow = "pkce"
[[contributes.providers]]
id = "chatgpt"
[activation]
events = ["onStartup"]
""",
    "discord": """
[plugin]
name = "discord"
version = "0.1.0"
type = "channel"
api_version = "0.1"
wasm = "dist/plugin.wasm"
[capabilities]
http = ["discord.com"]
[contributes]
channels = ["discord"]
""",
}


def manifest(text: str) -> Manifest:
    return Manifest.parse(text.encode())


def test_a_manifest_is_read() -> None:
    read = manifest(GOOD)
    assert (read.name, read.version, read.type) == ("text-tools", Version(1, 2, 0), "tool")
    assert read.wasm == "plugin.wasm"
    assert read.min_tark_version == Version(0, 6, 0)
    assert list(map(str, read.dependencies)) == ["json-core ^1.2"]
    assert list(map(str, read.capabilities)) == [
        "storage", "http:*.googleapis.com", "http:api.example.com", "env:GEMINI_*",
    ]  # fmt: skip


def test_upstreams_manifests_load_and_what_tarkpm_does_not_know_is_never_granted() -> None:
    chatgpt, discord = (manifest(text) for text in UPSTREAM.values())
    assert chatgpt.unknown_capabilities == ("fs_read",)
    assert "filesystem" not in chatgpt.capabilities
    assert (discord.type, discord.wasm) == ("channel", "dist/plugin.wasm")


def change(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("text", "sentence", "where"),
    [
        ("", "'plugin' is required", "plugin.toml"),
        ("[plugin", "not valid TOML: expected ']' at the end of a table declaration (at end of document)", "plugin.toml"),
        (change('"1.2.0"', '"1.2"'), "expected a version like 1.2.3, found '1.2'", "plugin.toml: plugin.version"),
        (change('"1.2.0"', "12"), "expected a string, found an integer", "plugin.toml: plugin.version"),
        (change('name = "Text-Tools"', ""), "'name' is required", "plugin.toml: plugin"),
        (
            change("Text-Tools", "../evil"),
            "expected letters and digits joined by - or _, 64 at most, found '../evil'",
            "plugin.toml: plugin.name",
        ),
        (
            change('"tool"', '"widget"'),
            "expected one of auth, tool, provider, hook, channel, found 'widget'",
            "plugin.toml: plugin.type",
        ),
        (change('"0.6.0"', '"new"'), "expected a version like 1.2.3, found 'new'", "plugin.toml: plugin.min_tark_version"),
        (change('"^1.2"', '"https://x"'), "expected a range like ^1.2, found 'https://x'", "plugin.toml: dependencies.json-core"),
        (change("storage = true", 'storage = "yes"'), "storage: expected true or false, found 'yes'", "plugin.toml: capabilities"),
        (change('"api.example.com", ', '"*", '), "http: expected a host like api.example.com, *.example.com or host:8080, found '*'", "plugin.toml: capabilities"),
        (change('type = "tool"', 'type = "tool"\nwasm = "../../etc/passwd"'), "expected a plain relative file name, found '../../etc/passwd'", "plugin.toml: plugin.wasm"),
        (change('type = "tool"', 'type = "tool"\nwasm = "plugin.toml"'), "expected the name of a module, found 'plugin.toml'", "plugin.toml: plugin.wasm"),
        ("x = " + "[" * 200 + "]" * 200, "tables or lists nest too deeply", "plugin.toml"),
        ("x = " + "[" * 5000 + "]" * 5000, "tables or lists nest too deeply", "plugin.toml"),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_a_bad_manifest_is_one_clear_error(text: str, sentence: str, where: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest(text)
    assert (caught.value.message, caught.value.where) == (sentence, where)


def test_a_manifest_that_is_too_long_or_no_text_is_refused() -> None:
    with pytest.raises(ManifestError, match="the file has 262145 bytes, the limit is 262144"):
        Manifest.parse(b"#" * (MAX_MANIFEST + 1))
    with pytest.raises(ManifestError, match=r"not UTF-8 text \(byte 1\)"):
        Manifest.parse(b"#\xff")


@pytest.mark.parametrize(
    "name", ["data/x.wasm", "a/../b", "/x", ".hidden/x", "a\\b", "c:x", " x", "a//b", "a/b/c/d/e"]
)
def test_a_module_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ManifestError, match="expected a plain relative file name"):
        manifest(change('type = "tool"', f"type = 'tool'\nwasm = '{name}'"))
