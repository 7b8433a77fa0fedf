"""docs/reference/plugin-toml.md, tark-toml.md and tark-lock.md have the keys, types and defaults of the parsers."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tarkpm.core import lockfile, manifest, names, oauth, project, recipe, secret
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.capability import KINDS, MAX_SCOPES, MAX_TEXT, OWN_TABLE, PLAIN, Capability
from tarkpm.core.digest import FileEntry
from tarkpm.core.release import GitSource, OciSource
from tarkpm.core.tool import ToolPin
from tarkpm.host.limits import Limits, size

PAGES = Path(__file__).parents[2] / "docs" / "reference"
KEY = re.compile(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \| ", re.MULTILINE)
EXAMPLE = re.compile(r"```toml\n(.*?)```", re.DOTALL)
STRUCTS: list[tuple[str, str, Any]] = [
    ("plugin-toml", "[plugin]", manifest._Plugin),
    ("plugin-toml", "[oauth]", oauth.Table),
    ("plugin-toml", "[secrets]", secret.SecretTable),
    ("plugin-toml", "[build]", recipe._Build),
    ("tark-toml", "[tark]", project._Tark),
    ("tark-toml", "[index]", project._Index),
    ("tark-toml", "[mcp]", McpRules),
    ("tark-lock", "The file", lockfile._Document),
    ("tark-lock", "[[plugin]]", lockfile._Entry),
    ("tark-lock", "statement", lockfile.StatementEntry),
    ("tark-lock", "files", FileEntry),
    ("tark-lock", "tools", ToolPin),
]
TYPES = {"string": "string", "integer": "integer", "boolean": "boolean", "array": "list", "object": "table"}
CHECKED = {"client_id", "auth_url", "token_url", "device_auth_url"}
"""Keys of [oauth] that are required by their flow: the parser's shape does not say so, its check does."""


def text_of(page: str) -> str:
    return (PAGES / f"{page}.md").read_text("utf-8")


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The TOML type of a JSON schema that msgspec made of an annotation."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        return type_of(schema, definitions)
    return TYPES[schema.get("type", "string")]  # an enumeration of strings has no type


def default_of(schema: dict[str, Any], name: str, required: list[str]) -> str:
    """A default as the pages write it; an empty text that is not shown stands for none."""
    if name in required:
        return "required"
    value = schema.get("default")
    if value in (None, ""):
        return "none"
    return f"`{msgspec.json.encode(value).decode()}`"


@pytest.mark.parametrize(("page", "heading", "struct"), STRUCTS)
def test_a_table_has_the_keys_of_the_parser(page: str, heading: str, struct: Any) -> None:
    (schema,), definitions = msgspec.json.schema_components([struct])
    schema = definitions[schema["$ref"].rpartition("/")[2]]
    shown = {key: (kind, default) for key, kind, default in KEY.findall(section(page, heading))}
    assert list(shown) == list(schema["properties"])
    for name, value in schema["properties"].items():
        kind, default = shown[name]
        assert kind == type_of(value, definitions), name
        if name in CHECKED:
            assert default.startswith("required"), name
        else:
            expected = default_of(value, name, schema.get("required", []))
            assert default in (expected, '`""`' if expected == "none" else expected, "every tool"), name


def test_the_tables_of_a_document_have_their_sections() -> None:
    for page, struct in (("plugin-toml", manifest._Document), ("tark-toml", project._Document)):
        for name in struct.__struct_fields__:
            assert f"[{name}]" in text_of(page), name


def test_what_a_requirement_may_say_is_listed() -> None:
    keys = {key for key, _, _ in KEY.findall(section("tark-toml", "[plugins]"))}
    fields = {*GitSource.__struct_fields__, *OciSource.__struct_fields__}
    assert keys == {*fields, "index", "version", "unsigned"} - {"commit"}


@pytest.mark.parametrize(
    ("page", "heading", "kinds"),
    [("plugin-toml", "[capabilities]", set(KINDS) - OWN_TABLE), ("tark-toml", "[grants]", OWN_TABLE)],
)
def test_every_capability_is_listed_with_scopes_that_are_read(
    page: str, heading: str, kinds: set[str]
) -> None:
    shown = {key: examples for key, _, examples in KEY.findall(section(page, heading))}
    assert set(shown) == kinds
    for kind, examples in shown.items():
        scopes = re.findall(r'`"(.+?)"`', examples)
        assert bool(scopes) == (kind not in PLAIN)
        for scope in scopes:
            assert str(Capability.parse(f"{kind}:{scope}")) == f"{kind}:{scope}"


def test_the_examples_are_read() -> None:
    (written,) = EXAMPLE.findall(text_of("plugin-toml"))
    assert manifest.Manifest.parse(written.encode()).name == "word-count"
    (written,) = EXAMPLE.findall(text_of("tark-toml"))
    assert len(project.Project.parse(written.encode()).requirements) == 3


def test_the_limits_are_the_program_s() -> None:
    for page, limit in (("tark-toml", names.MAX_PROJECT), ("tark-lock", names.MAX_LOCK)):
        assert f"at most {limit >> 20} MiB" in text_of(page)
    assert f"at most {names.MAX_MANIFEST >> 10} KiB" in text_of("plugin-toml")
    assert f"at most {MAX_SCOPES} entries and {MAX_TEXT:,} characters" in text_of("plugin-toml")


def test_the_limits_of_a_call_are_the_program_s() -> None:
    limits = Limits()
    guide = (PAGES.parent / "sdk" / "README.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| ([a-z ]+) \| ([^|]+) \|$", guide.partition("| limit |")[2], re.MULTILINE))
    expected = {
        "time": f"{limits.seconds:g} seconds",
        "memory": size(limits.memory),
        "arguments": size(limits.arguments),
        "result": size(limits.output),
        "host calls": f"{limits.host_calls:,}",
        "log messages": f"{limits.log_messages:,}",
    }
    assert expected.items() <= shown.items()
    plain = (PAGES.parent / "capabilities.md").read_text("utf-8")
    assert (
        f"{limits.seconds:g} seconds, {size(limits.memory)} of memory, {size(limits.output)} of output and "
        f"{limits.host_calls:,} host calls" in plain
    )
