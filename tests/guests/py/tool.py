"""The tool plugin of plugins/text-tools, in Python."""
# componentize-py makes wit_world out of wit/, which mypy does not see:
# mypy: ignore-errors

import json

from wit_world import exports
from wit_world.exports.tool_plugin import RiskLevel, ToolDef, ToolResult
from wit_world.imports import log, storage


def _object(*names):
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def _text_stats(text):
    log.debug(f"text-stats on {len(text)} chars")
    return {"chars": len(text), "words": len(text.split()), "lines": len(text.splitlines())}


def _save_note(key, text):
    storage.set(f"note:{key}", text)
    return {"saved": key, "total": len(storage.list_keys())}


TOOLS = {
    "text-stats": (
        RiskLevel.READ_ONLY,
        "Count characters, words and lines of a text",
        _object("text"),
        _text_stats,
    ),
    "save-note": (
        RiskLevel.WRITE,
        "Save a note in the plugin's storage",
        _object("key", "text"),
        _save_note,
    ),
}


class ToolPlugin(exports.ToolPlugin):
    """What tool-world exports."""

    def get_tools(self):
        return [ToolDef(name, text, json.dumps(schema)) for name, (_, text, schema, _) in TOOLS.items()]

    def get_risk_level(self, tool_name):
        return TOOLS[tool_name][0] if tool_name in TOOLS else RiskLevel.DANGEROUS

    def execute(self, tool_name, arguments):
        if tool_name not in TOOLS:
            return ToolResult(False, "", f"unknown tool: {tool_name}")
        try:
            found = TOOLS[tool_name][3](**json.loads(arguments))
        except Exception as e:  # noqa: BLE001  # a tool's failure is an answer
            return ToolResult(False, "", f"{type(e).__name__}: {e}")
        return ToolResult(True, json.dumps(found), None)
