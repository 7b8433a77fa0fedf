"""Review a working copy as `publish` and the readers of its card will: what refuses it, what to look at.

What refuses it is decided by `ops.release.checks` and `host.module.fit`, which `publish` and `index accept`
use.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from tarkpm.core.capability import KINDS
from tarkpm.core.document import parse_toml
from tarkpm.core.manifest import MAX_UNKNOWN, SHOWN, unknown_keys
from tarkpm.core.name_similarity import close_names, did_you_mean
from tarkpm.core.names import MANIFEST, MAX_MANIFEST, STATEMENT
from tarkpm.core.recipe import USUAL, Recipe
from tarkpm.core.release import MAX_NAME, PluginName
from tarkpm.core.search import SearchEntry
from tarkpm.core.text import EMPTY, neutral, short, some
from tarkpm.core.tool import ToolDef
from tarkpm.core.tool_review import lookalikes, remarks
from tarkpm.errors import DigestMismatch, ManifestError, NotFound, SignatureInvalid
from tarkpm.host.gate import ALWAYS, PARAMETERS
from tarkpm.host.module.inspect import ModuleInfo
from tarkpm.host.module.legacy_abi import GRANTED_BY
from tarkpm.ops.author.findings import CheckFinding, Places, warned
from tarkpm.ops.release.checks import publish_problems, signed_release
from tarkpm.ops.release.working_copy import WorkingCopy

IMPORTED: Final = frozenset(GRANTED_BY.get(name, name) for name in PARAMETERS) - ALWAYS
"""The kinds of capability that a module uses through an import."""


def refusals(copy: WorkingCopy, places: Places) -> Iterator[CheckFinding]:
    """Yield why the release would be refused, and whether its statement still matches."""
    for problem in publish_problems(copy.release, copy.collected, where=str(copy.folder)):
        if isinstance(problem, ManifestError):
            problem.where = places.key("plugin", "license")
        yield CheckFinding.of(problem)
    try:
        signed_release(copy.folder / copy.collected.folder, copy.collected.files, where=str(copy.folder))
    except (SignatureInvalid, DigestMismatch, NotFound) as problem:
        # Also where a listed file is gone: every reader of this folder would be refused.
        text = f"{STATEMENT} does not match the files: {problem.message}"
        hint = f"tarkpm sign {shlex.quote(str(copy.folder))} --key NAME"
        yield CheckFinding("error", problem.code, text, str(copy.manifest_file.parent / STATEMENT), hint, 3)


def keys(copy: WorkingCopy, places: Places) -> Iterator[CheckFinding]:
    """Yield the keys of plugin.toml that mean nothing."""
    for path, near in unknown_keys(copy.collected.files[MANIFEST]):
        also = f"; did you mean '{near}'?" if near else ""
        yield warned("UnknownKey", f"'{short_key(path)}' is not a known key{also}", places.key(*path))
    yield from _empty_texts(copy.collected.files[MANIFEST], places)
    yield from _recipe(copy.collected.files[MANIFEST], places)
    for kind in copy.manifest.unknown_capabilities[:MAX_UNKNOWN]:
        also = did_you_mean(kind[:MAX_NAME], KINDS)
        text = f"'{neutral(kind, limit=60)}' is not a capability that tarkpm grants{also}"
        yield warned("UnknownKey", text, places.key("capabilities", kind))
    if foreign := copy.manifest.foreign_reads:
        text = f"reading {some(foreign)} is never granted: outside the user's home folder"
        yield warned("NeverGranted", text, places.key("capabilities", "fs_read"))


def _empty_texts(manifest: bytes, places: Places) -> Iterator[CheckFinding]:
    """Yield the texts that are written and empty. A release may have them, but its author left a gap."""
    table = parse_toml(manifest, where=MANIFEST, error=ManifestError, limit=MAX_MANIFEST)["plugin"]
    for key in SHOWN:
        # Without a license or description there is a finding already.
        if table.get(key) == "" and key not in ("description", "license"):
            yield warned("Missing", EMPTY, places.key("plugin", key))


def _recipe(manifest: bytes, places: Places) -> Iterator[CheckFinding]:
    """Yield what is wrong with ``[build]``. Only its author builds, so it refuses nothing."""
    table = parse_toml(manifest, where=MANIFEST, error=ManifestError, limit=MAX_MANIFEST).get("build")
    if table is None:
        return
    named = isinstance(table, dict) and "source" in table
    try:  # about the table, not the files: a release has no sources
        Recipe.read(manifest, lambda name: named or name == USUAL[0])
    except ManifestError as problem:
        key = problem.where.partition(": ")[2]
        yield warned("UnknownKey", problem.message, places.key(*key.split(".")))


def short_key(path: Sequence[str]) -> str:
    """Return a dotted key as it can be shown."""
    return neutral(".".join(path), limit=80)


def documents(copy: WorkingCopy, places: Places) -> Iterator[CheckFinding]:
    """Yield what a reader of the release would miss."""
    names = [name.upper() for name in copy.collected.files]
    folder = str(copy.manifest_file.parent)
    if not any(name.startswith("README") for name in names):
        yield warned("Missing", "there is no README, so nobody can read what the plugin does", folder)
    if not any(name.startswith(("LICENSE", "LICENCE")) for name in names):
        yield warned("Missing", "there is no LICENSE file with the text of the license", folder)
    if not copy.manifest.description:
        text = "expected a description: it is shown on the card and in search results"
        yield warned("Missing", text, places.key("plugin", "description"))
    if copy.manifest.min_tark_version is None:
        text = "no min_tark_version is given, so every version of tark may load the plugin"
        yield CheckFinding("note", "Missing", text, places.key("plugin", "min_tark_version"))


def imports(copy: WorkingCopy, info: ModuleInfo, places: Places) -> Iterator[CheckFinding]:
    """Yield the differences between the module's imports and the declared capabilities.

    They refuse nothing: a component imports every interface of the world it was built for, used or not.
    """
    declared = {capability.kind for capability in copy.declared}
    used = info.kinds & IMPORTED
    for kind in (one for one in KINDS if one in used - declared):
        text = f"the module imports {kind}, which {MANIFEST} does not declare: each such call is refused"
        yield warned("Undeclared", text, places.key("capabilities"), copy.inspect_hint)
    for kind in (one for one in KINDS if one in (declared & IMPORTED) - used):
        text = f"{kind} is declared, and the module does not import it: remove it"
        yield warned("Unused", text, places.key("capabilities", kind), copy.inspect_hint)


def tools(found: Sequence[ToolDef], where: str) -> Iterator[CheckFinding]:
    """Yield what the readers of the tools' definitions would stumble over, and look at twice."""
    for tool in found:
        for remark in remarks(tool):
            yield warned("Tool", f"tool {short(tool.name)} {remark}", where)
        if not tool.description.strip():
            yield warned("Tool", f"tool {short(tool.name)} has no description", where)
        if not _is_schema(tool.parameters_schema):
            yield warned("Tool", f"the schema of tool {short(tool.name)} is not a JSON object", where)
    for one, other in lookalikes([tool.name for tool in found]):
        yield warned("Tool", f"the tools {short(one)} and {short(other)} look alike", where)


def _is_schema(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def names(copy: WorkingCopy, known: Sequence[SearchEntry], places: Places) -> Iterator[CheckFinding]:
    """Yield names of listed plugins that this one's can be taken for, and a version that is not newer."""
    manifest, where = copy.manifest, places.key("plugin", "name")
    for other, why in close_names(manifest.name, (PluginName(entry.name) for entry in known)):
        text = f"'{manifest.name}' {why} '{other}', which an index lists: its maintainers may refuse the name"
        yield warned("Name", text, where)
    for entry in known:
        if entry.name == manifest.name and manifest.version <= entry.version:
            text = f"version {manifest.version} is not newer than {entry.version}, which an index lists"
            yield warned("Version", text, places.key("plugin", "version"))
