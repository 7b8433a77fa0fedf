"""notes: Markdown notes in the folder notes/ of the workspace, and a search through them.

The notes are plain files, which people edit, too. What files do not say is in the plugin's storage: when a
note was written, because `tark:plugin/filesystem` gives no times.
"""
# componentize-py makes wit_world, which mypy does not see:
# mypy: ignore-errors

import json
import re
import unicodedata
from datetime import UTC, datetime

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.tool_plugin import RiskLevel, ToolDef, ToolResult
from wit_world.imports import clock, filesystem, storage
from wit_world.imports.filesystem import Kind

FOLDER = "notes"
SUFFIX = ".md"
NAME = re.compile(r"\w[\w .,()+-]{0,98}\w|\w")
"""No slash and no dot at the beginning: a name never leaves the folder, and never hides a file."""
MAX_NOTES = 2_000
MAX_MATCHES = 100
MAX_LINE = 300


class Problem(Exception):
    """What the caller is told."""


# -- the folder


def existing():
    """The names of all notes, with their sizes."""
    try:
        entries = filesystem.list(FOLDER)
    except Err as problem:
        # there is no host call that creates a folder
        raise Problem(f"{FOLDER}/: {problem.value}; the folder must exist in the workspace") from None
    files = (entry for entry in entries if entry.kind == Kind.FILE and entry.name.endswith(SUFFIX))
    return {entry.name.removesuffix(SUFFIX): entry.size for entry in files}


def path(name):
    if not NAME.fullmatch(name):
        raise Problem(f"expected a name of letters, digits, spaces and ., ()+-, found {name!r}")
    return f"{FOLDER}/{name}{SUFFIX}"


def text_of(name):
    if name not in existing():
        raise Problem(f"there is no note {name!r}")
    try:
        return filesystem.read(path(name))
    except Err as problem:
        raise Problem(f"{name}: {problem.value}") from None


def plain(text):
    """What is compared: no case, and one form of each character (UAX 15)."""
    return unicodedata.normalize("NFKC", text).casefold()


# -- the tools


def write(name, text, append=False):
    """Write a note."""
    if append and name in existing():
        before = text_of(name)
        text = before + ("" if before.endswith("\n") or not before else "\n") + text
    try:
        filesystem.write(path(name), text)
        storage.set(f"written:{name}", str(clock.now()))
    except Err as problem:
        raise Problem(f"{name}: {problem.value}") from None
    return {"written": name, "characters": len(text)}


def read(name):
    """Return a note."""
    return {"name": name, "text": text_of(name)}


def list_notes():
    """Return all notes, the one written last first."""
    notes = []
    for name, size in existing().items():
        milliseconds = storage.get(f"written:{name}")
        at = datetime.fromtimestamp(int(milliseconds) // 1000, UTC) if milliseconds else None
        notes.append({"name": name, "bytes": size, **({"written": at.isoformat()} if at else {})})
    return sorted(notes, key=lambda note: note.get("written", ""), reverse=True)


def search(query, limit=20):
    """Return the lines with a word of the query, of the notes that contain all of its words."""
    words = plain(query).split()
    if not words:
        raise Problem("expected at least one word to search for")
    names, matches = sorted(existing()), []
    for name in names[:MAX_NOTES]:
        try:
            text = filesystem.read(path(name)) if NAME.fullmatch(name) else ""
        except Err:
            continue  # too large, or not text
        if not all(word in plain(f"{name}\n{text}") for word in words):
            continue
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1)]
        found = [(number, line) for number, line in lines if any(word in plain(line) for word in words)]
        for number, line in found or lines[:1] or [(1, "")]:  # all words may be in the name
            matches.append({"name": name, "line": number, "text": line.strip()[:MAX_LINE]})
            if len(matches) == limit:
                return {"matches": matches, "more": True}
    return {"matches": matches, "more": len(names) > MAX_NOTES}


def delete(name):
    """Remove a note."""
    if name not in existing():
        raise Problem(f"there is no note {name!r}")
    try:
        filesystem.remove(path(name))
        storage.delete(f"written:{name}")
    except Err as problem:
        raise Problem(f"{name}: {problem.value}") from None
    return {"deleted": name}


TEXT = {"type": "string"}
APPEND = {"type": "boolean", "default": False}
LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_MATCHES, "default": 20}
WRITE, READ, RISKY = RiskLevel.WRITE, RiskLevel.READ_ONLY, RiskLevel.RISKY
TOOLS = {
    "note-write": (write, WRITE, "Write or extend a note", {"name": TEXT, "text": TEXT, "append": APPEND}),
    "note-read": (read, READ, "Return the text of a note", {"name": TEXT}),
    "note-list": (list_notes, READ, "List all notes, the one written last first", {}),
    "note-search": (search, READ, "Find notes that contain all words", {"query": TEXT, "limit": LIMIT}),
    "note-delete": (delete, RISKY, "Delete a note", {"name": TEXT}),
}


def schema(properties):
    required = [name for name, one in properties.items() if "default" not in one]
    found = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return json.dumps(found)


class ToolPlugin(exports.ToolPlugin):
    """What the host calls."""

    def get_tools(self):
        return [ToolDef(name, says, schema(properties)) for name, (_, _, says, properties) in TOOLS.items()]

    def get_risk_level(self, tool_name):
        return TOOLS[tool_name][1] if tool_name in TOOLS else RiskLevel.DANGEROUS

    def execute(self, tool_name, arguments):
        if tool_name not in TOOLS:
            return ToolResult(False, "", f"unknown tool: {tool_name}")
        try:
            result = TOOLS[tool_name][0](**json.loads(arguments))
        except Problem as problem:
            return ToolResult(False, "", str(problem))
        return ToolResult(True, json.dumps(result, ensure_ascii=False), None)
