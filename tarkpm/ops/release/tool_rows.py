"""The tools of a plugin on its card: what is new, gone or changed, and what to look at twice."""

from collections.abc import Iterator, Sequence

from tarkpm.core.consent import Admission
from tarkpm.core.release import PathSource
from tarkpm.core.text import quoted, short, some
from tarkpm.core.tool import MAX_DEFINITION, ToolDef, ToolPin, compare, read
from tarkpm.core.tool_review import lookalikes, remarks, renamed
from tarkpm.core.tool_text import compact, schema_texts
from tarkpm.ops.project.conflict import former
from tarkpm.ops.project.ui import CardRow
from tarkpm.ops.project.workspace import Workspace

MAX_WORDS = 160
"""Characters of a tool's description on a card."""
MAX_CHANGED = 1_000
"""Characters of a changed description: a small change must not push a large one out of sight."""
CONTEXT = 24
"""Characters that are shown before the first difference of two descriptions."""
MAX_ROWS = 40
"""Tools that are shown on a card; the others are counted."""


def definitions(workspace: Workspace, pins: Sequence[ToolPin]) -> list[ToolDef]:
    """Return the pinned definitions that the store has."""
    found = ((pin, workspace.store.find(pin.sha256, MAX_DEFINITION)) for pin in pins)
    tools = (read(data, pin) for pin, data in found if data is not None)
    return [tool for tool in tools if tool is not None]


def tool_rows(workspace: Workspace, admission: Admission) -> list[CardRow]:
    """Return the rows about a plugin's tools."""
    candidate = admission.candidate
    locked = former(workspace, candidate)
    if candidate.tools is None:
        return _unlisted(admission)
    before = locked.tools or () if locked else ()
    rows = list(_rows(workspace, before, candidate.tools))
    # What needs a second look is loud, and is never cut: a long list of harmless tools must not hide it.
    loud, rest = [row for row in rows if row.loud], [row for row in rows if not row.loud]
    more = [CardRow("tools", f"and {len(rest) - MAX_ROWS} more")] if len(rest) > MAX_ROWS else []
    return [*loud, *rest[:MAX_ROWS], *more]


def _unlisted(admission: Admission) -> list[CardRow]:
    """Return a row about a plugin that did not list its tools. One that was not asked has none."""
    candidate = admission.candidate
    was_asked = all(question.askable for question in admission.questions)
    if candidate.manifest.type != "tool" or isinstance(candidate.source, PathSource) or not was_asked:
        return []
    text = "cannot be listed while nothing is granted: not pinned, so agents are not offered them"
    return [CardRow("tools", text, loud=True)]


def _rows(workspace: Workspace, before: Sequence[ToolPin], after: Sequence[ToolPin]) -> Iterator[CardRow]:
    changes = compare(before, after)
    old = {tool.name: tool for tool in definitions(workspace, before)}
    new = {tool.name: tool for tool in definitions(workspace, after)}
    risks = {pin.name: pin.risk for pin in before}
    for name in changes.widen:
        if name in new and name in risks:
            yield from _changed(old.get(name), new[name], risks[name])
    for tool in new.values():
        if found := "; ".join(remarks(tool)) if tool.name in (*changes.added, *changes.changed) else "":
            yield CardRow("tool", f"{short(tool.name)} {found}", loud=True)
    for one, other in lookalikes([*new, *changes.removed]):
        yield CardRow("tool", f"{short(one)} and {short(other)} look alike", loud=True)
    for was, now in renamed(changes, old.values(), new.values()):
        yield CardRow("tool", f"{short(was)} is now called {short(now)}", loud=True)
    if changes.removed:
        yield CardRow("tools", f"gone: {some(changes.removed)}")
    for name in (one for one in changes.added if one in new):
        label = "new tool" if before else "tool"
        tool = new[name]
        words = quoted(tool.description, MAX_WORDS) + _taken(tool.parameters_schema)
        yield CardRow(label, f"{short(name)} ({tool.risk}) {words}")


def _taken(schema: str) -> str:
    """Return what a schema says to a model, shortened; "" if it says nothing."""
    texts = schema_texts(schema)
    return f", takes {quoted('; '.join(texts), MAX_WORDS)}" if texts else ""


def _changed(old: ToolDef | None, new: ToolDef, risk: str) -> Iterator[CardRow]:
    """Yield what changed in a definition: its risk, its description, its schema."""
    name = short(new.name)
    if risk != new.risk:
        yield CardRow("tool", f"{name} claims the risk {new.risk}, before: {risk}", loud=True)
    if old is None:
        words = quoted(new.description, MAX_WORDS) + _taken(new.parameters_schema)
        yield CardRow("tool", f"{name} is now described as {words}", loud=True)
    elif old.description != new.description:
        was, now = (quoted(text, MAX_CHANGED) for text in difference(old.description, new.description))
        yield CardRow("tool", f"{name} says {now}, before: {was}", loud=True)
    if old is not None and old.parameters_schema != new.parameters_schema:
        yield CardRow("tool", f"{name} takes other arguments{_retaken(old, new)}", loud=True)


def _retaken(old: ToolDef, new: ToolDef) -> str:
    """Return what a changed schema says that it did not say before, and the other way round."""
    was, now = (schema_texts(one.parameters_schema) for one in (old, new))
    former, present = {*was}, {*now}  # a schema can have 100,000 texts
    more, less = [one for one in now if one not in former], [one for one in was if one not in present]
    if not more and not less:
        before, after = difference(compact(old.parameters_schema), compact(new.parameters_schema))
        return f": {quoted(after, MAX_CHANGED)}, before: {quoted(before, MAX_CHANGED)}"
    added = f", new text: {quoted('; '.join(more), MAX_CHANGED)}" if more else ""
    return added + (f", no longer: {quoted('; '.join(less), MAX_CHANGED)}" if less else "")


def difference(old: str, new: str) -> tuple[str, str]:
    """Return two texts from shortly before their first difference on."""
    same = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        same += 1
    start = max(0, same - CONTEXT)
    mark = "…" if start else ""
    return mark + old[start:], mark + new[start:]
