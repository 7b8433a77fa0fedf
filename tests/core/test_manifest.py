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

# the three that upstream publishes, less comments and descriptions
UPSTREAM = {
    "chatgpt": """
[plugin]
name = "chatgpt-oauth"
version = "0.2.0"
type = "provider"
api_version = "0.1"
[oauth]
flow = "pkce"
auth_url = "https://auth.openai.com/oauth/authorize"
token_url = "https://auth.openai.com/oauth/token"
client_id = "app_x"
scopes = ["openid", "profile", "email", "offline_access"]
redirect_uri = "http://localhost:8888/callback"
credentials_path = "~/.config/tark/chatgpt_oauth.json"
process_tokens_callback = "auth_process_tokens"
use_state = true
[oauth.extra_params]
originator = "opencode"
codex_cli_simplified_flow = "true"
[capabilities]
storage = true
http = ["auth.openai.com", "chatgpt.com"]
env = ["HOME", "CHATGPT_OAUTH_CREDENTIALS_PATH"]
fs_read = ["~/.config/tark/chatgpt_oauth.json"]
shell = false
[contributes]
providers = [{ id = "chatgpt-oauth", name = "ChatGPT (OAuth)", base_provider = "openai" }]
[activation]
events = ["onProvider:chatgpt-oauth"]
""",
    "gemini": """
[plugin]
name = "gemini-oauth"
version = "0.2.0"
type = "provider"
[capabilities]
storage = true
env = ["HOME", "GEMINI_API_KEY"]
fs_read = [
    "~/.gemini/oauth_creds.json",
    "/usr/lib/node_modules/@google/gemini-cli/oauth2.js",
]
""",
    "discord": """
[plugin]
name = "discord"
version = "0.2.3"
type = "channel"
wasm = "dist/plugin.wasm"
[capabilities]
storage = true
http = ["discord.com", "gateway.discord.gg"]
[contributes]
channels = [{ id = "discord", name = "Discord", description = "Discord interactions channel" }]
[oauth]
flow = "pkce"
auth_url = "https://discord.com/oauth2/authorize"
token_url = "https://discord.com/api/oauth2/token"
client_id = "${DISCORD_CLIENT_ID}"
client_secret = "${DISCORD_CLIENT_SECRET}"
scopes = ["applications.commands", "bot"]
redirect_uri = "http://localhost:8888/callback"
credentials_path = "~/.config/tark/discord_oauth.json"
[oauth.extra_params]
permissions = "0"
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


def test_upstreams_manifests_load_and_what_is_not_below_the_home_is_never_granted() -> None:
    chatgpt, gemini, discord = (manifest(text) for text in UPSTREAM.values())
    assert list(map(str, chatgpt.capabilities))[-3:] == [
        "fs_read:~/.config/tark/chatgpt_oauth.json",
        "oauth:auth.openai.com",
        "credentials:~/.config/tark/chatgpt_oauth.json",
    ]
    assert chatgpt.unknown_capabilities == ()
    assert gemini.foreign_reads == ("/usr/lib/node_modules/@google/gemini-cli/oauth2.js",)
    assert [c.scope for c in gemini.capabilities if c.kind == "fs_read"] == ["~/.gemini/oauth_creds.json"]
    assert gemini.oauth is None
    assert (discord.type, discord.wasm) == ("channel", "dist/plugin.wasm")


def test_what_the_oauth_table_takes_cannot_be_said_as_a_capability() -> None:
    text = GOOD + 'oauth = ["a.example"]\ncredentials = ["~/x.json"]\n'
    assert manifest(text).unknown_capabilities == ("credentials", "oauth")
    assert manifest(text).capabilities == manifest(GOOD).capabilities


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
            "expected at most 64 letters and digits joined by - or _, found '../evil'",
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
        (change("storage = true", 'fs_read = ["~/.ssh/id_rsa"]'), "fs_read: '~/.ssh/id_rsa' holds keys or passwords, so no plugin may access it", "plugin.toml: capabilities"),
        (change("storage = true", 'fs_read = ["~/.config/tark/other_oauth.json"]'), "fs_read: '~/.config/tark/other_oauth.json' holds another plugin's credentials", "plugin.toml: capabilities"),
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
