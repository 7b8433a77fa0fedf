"""Documents of plugins, projects and teams: TOML and JSON that others write."""

from json import JSONDecodeError

from fuzzing.target import Target
from tarkpm.core import lock_merge, lockfile, project_edit, toml_scan
from tarkpm.core.agent import jsonc
from tarkpm.core.case import parse_case
from tarkpm.core.manifest import Manifest
from tarkpm.core.openai.refusal import ApiRefusal
from tarkpm.core.openai.request import read_chat
from tarkpm.core.project import Project
from tarkpm.core.project_edit import ProjectEdit
from tarkpm.core.release import GitSource, PluginName, Requirement
from tarkpm.core.shapes import from_json
from tarkpm.core.statement import (
    Envelope,
    Statement,
    parse_envelope,
    parse_statement,
    render_envelope,
    render_statement,
)
from tarkpm.core.team_policy import TeamPolicy
from tarkpm.core.tool import RISKS, ToolDef, ToolPin, canonical, pin, read
from tarkpm.core.user_config import UserConfig
from tarkpm.core.version import Version

NAME = PluginName("text-tools")
REQUIREMENT = Requirement(NAME, GitSource("https://example.com/text-tools", tag="v1"))
WHERE = "a document"
_TOML = ("=", "[", "]", "[[", "]]", "{", "}", '"""', "'''", "\\u0000", "true", "1e9", "#", ".", ",", "\n")
_PROJECT = (
    "[plugins]",
    "[index.work]",
    "[trust]",
    "[grants]",
    "[tark]",
    "git",
    "tag",
    "path",
    "oci",
    "digest",
    "version",
    "root",
)
_LOCK = ("version = 2", "[[plugin]]", "source", "statement", "files", "signer", "requires", "tools", "sha256")


def manifest(data: bytes) -> None:
    """Read a plugin.toml."""
    Manifest.parse(data)


def mirrors(data: bytes) -> None:
    """Read a config.toml: what it maps is mapped once, and in whole parts."""
    found = UserConfig.parse(data, where=WHERE).mirrors
    for prefix, mirror in found.pairs:
        if not any(other.startswith(f"{prefix}/") for other, _ in found.pairs):
            assert found.of(f"{prefix}/x") == f"{mirror}/x"


def project(data: bytes) -> None:
    """Read a tark.toml."""
    Project.parse(data)


def project_edits(data: bytes) -> None:
    """Edit a tark.toml: the result reads as the edit says."""
    before = Project.parse(data)
    added = project_edit.edit(data, [ProjectEdit(NAME, REQUIREMENT)])
    assert Project.parse(added).requirements[NAME].source == REQUIREMENT.source
    # An edited document may still be refused as a whole: two names can be one folder.
    gone = Project.parse(project_edit.edit(added, [ProjectEdit(NAME)]))
    assert {*gone.requirements} == {*before.requirements} - {NAME}


def lock(data: bytes) -> None:
    """Read a tark.lock; what is read can be written and read again."""
    found = lockfile.parse(data)
    assert lockfile.parse(lockfile.render(found)) == found


def lock_conflict(data: bytes) -> None:
    """Read a tark.lock with the markers of a merge."""
    lock_merge.read_conflict(data)


def policy(data: bytes) -> None:
    """Read a policy.toml."""
    TeamPolicy.parse(data, where=WHERE)


def case(data: bytes) -> None:
    """Read a case of `tarkpm test`."""
    parse_case(data, where=WHERE)


def toml_statements(data: bytes) -> None:
    """Find the statements of valid TOML: every span lies in the text, in order."""
    from tarkpm.core.document import parse_toml
    from tarkpm.errors import ProjectError

    parse_toml(data, where=WHERE, error=ProjectError, limit=1 << 16)
    text = data.decode()
    at = 0
    for found in toml_scan.scan(text):
        assert at <= found.start <= found.end <= len(text)
        at = found.end


def envelope(data: bytes) -> None:
    """Read the envelope of a statement, which has one encoding."""
    found = parse_envelope(data, where=WHERE)
    assert isinstance(found, Envelope)
    assert render_envelope(found) == data


def statement(data: bytes) -> None:
    """Read the payload of a statement, which has one encoding."""
    found = parse_statement(data, where=WHERE)
    assert isinstance(found, Statement)
    assert render_statement(found) == data


def settings_of_editors(data: bytes) -> None:
    """Edit JSON with comments: what is set can be taken out again, and nothing else changes."""
    text = data.decode("utf-8", "replace")
    before = jsonc.read(text)
    if not isinstance(before, dict) or "a" in before:
        return
    edited = jsonc.with_member(text, ("a", "b"), {"c": [1]})
    assert jsonc.read(edited) == {**before, "a": {"b": {"c": [1]}}}
    assert jsonc.read(jsonc.without_member(edited, ("a",))) == before


def chat_request(data: bytes) -> None:
    """Read a request of an OpenAI client."""
    read_chat(data)


def tool_definition(data: bytes) -> None:
    """Read a pinned definition from the store, which has one encoding."""
    try:
        tool = from_json(data, ToolDef)
    except Exception:  # noqa: BLE001  # whatever it is, `read` must answer it with None
        tool = ToolDef("t", "", "{}", RISKS[0])
    expected: ToolPin = pin(tool)
    found = read(data, expected)
    assert found is None or canonical(found) == data


def new_project(data: bytes) -> None:
    """Write a first tark.toml for any version of tark."""
    Project.parse(project_edit.new(Version.parse(data.decode("latin-1"))))


TARGETS = (
    Target(
        "plugin-toml",
        manifest,
        words=(*_TOML, "[plugin]", "capabilities", "[oauth]", "[secrets.token]", "requires"),
    ),
    Target("config-toml", mirrors, words=(*_TOML, "[mirror]", "oci://", "https://", "/srv", ":443", "git@")),
    Target("tark-toml", project, words=(*_TOML, *_PROJECT)),
    Target("tark-toml-edit", project_edits, words=(*_TOML, *_PROJECT)),
    Target("tark-lock", lock, words=(*_TOML, *_LOCK)),
    Target(
        "tark-lock-conflict",
        lock_conflict,
        words=(*_TOML, *_LOCK, "<<<<<<< ", "=======", ">>>>>>> ", "||||||| "),
    ),
    Target("policy-toml", policy, words=(*_TOML, "[sources]", "[capabilities]", "deny", "allow", "signers")),
    Target("test-case", case, words=(*_TOML, "call", "chat", "hook", "[expect]", "[http]", "clock", "sent")),
    Target("toml-statements", toml_statements, (ValueError,), _TOML),
    Target("statement-envelope", envelope),
    Target("statement-payload", statement, words=("predicate", "subject", "sizes", "sha256", "_type")),
    Target(
        "editor-settings",
        settings_of_editors,
        (ValueError, jsonc.JsonError, JSONDecodeError),
        ("//", "/*", "*/", "{", "}", ","),
    ),
    Target(
        "openai-request",
        chat_request,
        (ApiRefusal,),
        words=("messages", "role", "content", "tools", "stream", "\\ud800"),
    ),
    Target("tool-definition", tool_definition, words=("description", "parameters_schema", "risk", "\\u0000")),
    Target("new-tark-toml", new_project, (ValueError,)),
)
