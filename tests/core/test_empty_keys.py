"""An empty string in a document of ours is an error that names its key."""

import pytest

from tarkpm.core import oauth, secret
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.capability import KINDS, OWN_TABLE, PLAIN
from tarkpm.core.lockfile import parse
from tarkpm.core.manifest import SHOWN, Manifest, _Plugin
from tarkpm.core.project import Project
from tarkpm.core.project import _Document as _Tables
from tarkpm.core.release import GitSource, OciSource
from tarkpm.errors import LockError, ManifestError, ProjectError

GIT = 'git = "https://h/x"'
INDEX = f'[index.c]\nurl = "https://h"\nroot = "sha256:{"0" * 64}"\n'


SAID = "expected a value, found an empty string"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[tark]\nversion = ""', "tark.version"),
        *(
            (f'[plugins]\na = {{ {GIT}, {key} = "" }}', f"plugins.a.{key}")
            for key in ("tag", "branch", "rev", "path", "commit")
        ),
        ('[plugins]\na = { git = "" }', "plugins.a.git"),
        ('[plugins]\na = { oci = "" }', "plugins.a.oci"),
        *(
            (f'[plugins]\na = {{ oci = "h.io/x", {key} = "" }}', f"plugins.a.{key}")
            for key in ("tag", "digest")
        ),
        ('[plugins]\na = { path = "" }', "plugins.a.path"),
        ('[plugins]\na = ""', "plugins.a"),
        ('[plugins]\na = ""\n' + INDEX, "plugins.a"),
        ('[plugins]\na = { index = "" }\n' + INDEX, "plugins.a.index"),
        ('[plugins]\na = { index = "c", version = "" }\n' + INDEX, "plugins.a.version"),
        ('[plugins]\n"" = { path = "./a" }', 'plugins.""'),
        ('[trust]\na = [""]', "trust.a[0]"),
        ('[identities]\na = ""', "identities.a"),
        *(
            (f'[grants]\na = {{ {kind} = ["x", ""] }}', f"grants.a.{kind}[1]")
            for kind in KINDS
            if kind not in PLAIN
        ),
        ('[grants]\na = { storage = "" }', "grants.a.storage"),
        (INDEX.replace("https://h", ""), "index.c.url"),
        ('[index.c]\nurl = "https://h"\nroot = ""', "index.c.root"),
        ('[mcp]\nallow = [""]', "mcp.allow[0]"),
        ('[mcp]\ndeny = [""]', "mcp.deny[0]"),
        ('[mcp]\nask = ""', "mcp.ask"),
        ('[policy]\nkey = ""', "policy.key"),
        ('[tark]\nminimum-release-age = ""', "tark.minimum-release-age"),
        ('[tark]\nminimum-release-age-exclude = [""]', "tark.minimum-release-age-exclude[0]"),
    ],
)
def test_of_tark_toml(text: str, key: str) -> None:
    with pytest.raises(ProjectError) as raised:
        Project.parse(text.encode())
    assert (raised.value.message, raised.value.where) == (SAID, f"tark.toml: {key}")


OF_A_PLUGIN = ["name", "version", "type", "wasm", "min_tark_version"]
OF_A_SIGN_IN = [
    "flow", "client_id", "client_secret", "auth_url", "token_url", "device_auth_url", "redirect_uri",
    "credentials_path", "process_tokens_callback",
]  # fmt: skip
PLUGIN = {"name": "a", "version": "1.0.0", "type": "tool"}
OAUTH = {"client_id": "x", "auth_url": "https://h/a", "token_url": "https://h/t"}


def manifest(oauth: dict[str, str], more: str = "", **plugin: str) -> bytes:
    """A plugin.toml of these tables."""
    lines = ["[plugin]", *(f"{key} = '{value}'" for key, value in (PLUGIN | plugin).items())]
    if oauth:
        lines += ["[oauth]", *(f"{key} = '{value}'" for key, value in (OAUTH | oauth).items())]
    return "\n".join([*lines, more]).encode()


@pytest.mark.parametrize("key", OF_A_PLUGIN)
def test_of_a_plugin(key: str) -> None:
    with pytest.raises(ManifestError, match="expected a value, found an empty string") as raised:
        Manifest.parse(manifest({}, **{key: ""}))
    assert raised.value.where == f"plugin.toml: plugin.{key}"


@pytest.mark.parametrize("key", OF_A_SIGN_IN)
def test_of_a_sign_in(key: str) -> None:
    with pytest.raises(ManifestError, match="expected a value, found an empty string") as raised:
        Manifest.parse(manifest({key: ""}))
    assert raised.value.where == f"plugin.toml: oauth.{key}"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("[dependencies]\nb = ''", "dependencies.b"),
        ("[dependencies]\n'' = '1'", 'dependencies.""'),
        *(
            (f"[capabilities]\n{kind} = ['']", f"capabilities.{kind}[0]")
            for kind in KINDS
            if kind not in PLAIN | OWN_TABLE
        ),
        ("[capabilities]\nstorage = ''", "capabilities.storage"),
        ("[oauth]\nclient_id = 'x'\nscopes = ['']", "oauth.scopes[0]"),
        *(
            (f"[secrets.x]\n{key} = ''", f"secrets.x.{key}")
            for key in ("host", "header", "format")
        ),
    ],
)  # fmt: skip
def test_of_the_other_tables_of_a_plugin(more: str, key: str) -> None:
    with pytest.raises(ManifestError) as raised:
        Manifest.parse(manifest({}, more))
    assert (raised.value.message, raised.value.where) == (SAID, f"plugin.toml: {key}")


def test_no_key_of_a_document_is_left_out() -> None:
    """A key that is added to a document needs a row in a table above, or a reason to be empty."""
    assert {*_Plugin.__struct_fields__} == {*OF_A_PLUGIN, *SHOWN}
    assert {*oauth.Table.__struct_fields__} == {*OF_A_SIGN_IN, "scopes", "use_state", "extra_params"}
    assert {*secret.SecretTable.__struct_fields__} == {"host", "header", "format"}
    assert {*GitSource.__struct_fields__} == {"git", "tag", "branch", "rev", "path", "commit"}
    assert {*OciSource.__struct_fields__} == {"oci", "tag", "digest"}
    assert {*McpRules.__struct_fields__} == {"allow", "deny", "ask"}
    assert {*_Tables.__struct_fields__} == {
        "tark", "index", "plugins", "trust", "identities", "grants", "mcp", "policy",
    }  # fmt: skip


def test_texts_that_are_only_shown_may_be_empty() -> None:
    """tark's own template writes them so, and what nobody acts on cannot be misread."""
    shown = dict.fromkeys(("description", "author", "homepage", "license"), "")
    found = Manifest.parse(manifest({}, "[config]\nprefix = ''\n[contributes]\nx = ['']", **shown))
    assert found.description == found.license == ""
    unknown = Manifest.parse(
        manifest(OAUTH | {"new_key": ""}, "[capabilities]\nnew_kind = ['']\n[new]\nx = ''", new="")
    )
    assert unknown.unknown_capabilities == ("new_kind",)
    assert found.config == {"prefix": ""}


@pytest.mark.parametrize("key", ["name", "version", "type", "min_tark_version", "signer"])
def test_of_tark_lock(key: str) -> None:
    entry = {"name": "a", "version": "1.0.0", "type": "tool"} | {key: ""}
    lines = [
        "version = 1",
        "[[plugin]]",
        *(f"{k} = '{v}'" for k, v in entry.items()),
        "source = { path = './a' }",
    ]
    with pytest.raises(LockError, match="expected a value, found an empty string") as raised:
        parse("\n".join(lines).encode())
    assert raised.value.where == f"tark.lock: plugin[0].{key}"
