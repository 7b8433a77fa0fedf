"""Edit a TOML document's text so that it reads as new values, and change nothing else.

`rewrite` compares the old values with the new ones and replaces only the spans of those that differ:
comments, spelling, order, line ends and the byte order mark of everything else are kept byte for byte. An
editor that keeps a syntax tree and prints it again cannot promise that (docs/decisions/0105).
"""

import tomllib
from collections.abc import Collection, Mapping
from typing import Any

from tarkpm.core.document import BOM, inline
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.toml_items import Splices, update_value
from tarkpm.core.toml_scan import Keys, TomlStatement, TomlValue, line_end, scan

_BARE = lazy_pattern(r"[A-Za-z0-9_-]+")

Table = Mapping[str, Any]


def rewrite(text: str, new: Table, *, blocks: Collection[str] = ()) -> str:
    """Return ``text``, which tomllib reads, changed where its values differ from ``new``.

    A table named in ``blocks`` that is new gets a header for each of its entries. A top-level table that
    becomes empty loses its header, unless a comment is left in it. A removed ``[a.b]`` takes the comments
    between its pairs along; every other comment stays, except behind a value that is removed.

    Raises `ValueError` if the result would not read as ``new``.
    """
    mark, body = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    ending = "\r\n" if body[: body.find("\n") + 1].endswith("\r\n") else "\n"
    open_end = bool(body) and not body.endswith("\n")
    editor = _Editor(body + ending if open_end else body, ending, blocks)
    editor.update(editor.root, (), tomllib.loads(editor.text), new)
    result = editor.splices.apply()
    if open_end:  # a file without a final newline stays one
        result = result.rstrip("\r\n")
    # A wrong edit of decisions about trust must fail, never be written.
    if _filled(tomllib.loads(result)) != _filled(new):
        raise ValueError("this layout cannot be edited automatically; edit the file by hand")
    return mark + result


def _filled(table: Table) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value != {}}


def _key(path: Keys) -> str:
    return ".".join(key if _BARE.fullmatch(key) else inline(key) for key in path)


class _Node:
    """A key of the document: what is below it, and the statements that define it."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.header: TomlStatement | None = None
        self.value: TomlValue | None = None
        self.statements: list[TomlStatement] = []


class _Editor:
    """One document that is edited: its text, its tree and the splices found so far."""

    def __init__(self, text: str, ending: str, blocks: Collection[str]) -> None:
        self.text, self.ending, self.blocks = text, ending, blocks
        self.splices = Splices(text, ending)
        self.root = _Node()
        self._body_end: dict[Keys, int] = {}
        """Where the last pair below each header ends; where the header's line ends, if it has none."""
        self._headers: list[int] = []
        for statement in scan(text):
            self._place(statement)

    def _place(self, statement: TomlStatement) -> None:
        node = self.root
        for key in statement.path:
            node = node.children.setdefault(key, _Node())
            node.statements.append(statement)
        self._body_end[statement.context] = statement.end
        if statement.value is None:
            node.header = statement
            self._headers.append(statement.start)
        else:
            node.value = statement.value

    # -- comparing

    def update(self, node: _Node, path: Keys, old: Table, new: Table) -> None:
        """Change the table ``path`` from ``old`` to ``new``."""
        for key in old:
            if key not in new:
                self._delete(node.children[key])
        added = {key: value for key, value in new.items() if key not in old}
        for key, value in new.items():
            if key in old and value != old[key] and not self._changed(node, (*path, key), old[key], value):
                self._delete(node.children[key])
                added[key] = value
        if added := {key: value for key, value in added.items() if path or value != {}}:
            self._insert(node, path, added)
        elif old and not new and len(path) == 1 and node.header:
            self._drop_header(node.header)

    def _changed(self, node: _Node, path: Keys, old: Any, new: Any) -> bool:
        """Change a value in its place; False if it has another shape there and must be written again."""
        child = node.children[path[-1]]
        if child.value is not None:
            update_value(self.splices, child.value, old, new)
            return True
        if isinstance(new, dict) and (new or len(path) == 1):
            self.update(child, path, old, new)
            return True
        return False

    # -- removing

    def _delete(self, node: _Node) -> None:
        for statement in node.statements:
            if statement.value is None:
                self._cut_block(statement.start, self._body_end[statement.context])
            else:
                self.splices.cut(statement.start, statement.end)

    def _drop_header(self, header: TomlStatement) -> None:
        """Cut the header of an emptied table, unless somebody wrote a comment there."""
        end = min((start for start in self._headers if start > header.start), default=len(self.text))
        rest = self.text[header.start : end]
        for statement in reversed(list(scan(rest))):
            if statement.value is not None:
                rest = rest[: statement.start] + rest[statement.end :]
        if "#" not in rest:
            self._cut_block(header.start, self._body_end[header.context])

    def _cut_block(self, start: int, end: int) -> None:
        """Cut whole lines, and one blank line where two would meet or one would end the file."""
        before = self.text.rfind("\n", 0, max(start - 1, 0)) + 1
        after = line_end(self.text, end)
        follows = self.text[end:after].strip() == ""
        if start and follows and not self.text[before:start].strip():
            start = before
        elif not start and follows:
            end = after
        self.splices.cut(start, end)

    # -- adding

    def _insert(self, node: _Node, path: Keys, added: Table) -> None:
        """Write new keys of the table ``path`` in the style that the table already has."""
        dotted = [s for s in node.statements if s.value is not None and len(s.context) < len(path)]
        if node.header:
            self._pairs(self._body_end[path], (), added)
        elif dotted:
            self._pairs(dotted[-1].end, path[len(dotted[-1].context) :], added)
        elif not path:
            plain = {key: value for key, value in added.items() if not isinstance(value, dict)}
            self._pairs(self._body_end.get((), 0), (), plain)
            for key, value in added.items():
                if key not in plain:
                    self._block(len(self.text), (key,), value)
        else:
            at = max((self._body_end[s.context] for s in node.statements), default=len(self.text))
            self._blocks(at, path, added)

    def _blocks(self, at: int, path: Keys, added: Table) -> None:
        if all(isinstance(value, dict) and value for value in added.values()):
            for key, value in added.items():
                self._block(at, (*path, key), value)
        else:
            self._block(at, path, added)

    def _block(self, at: int, path: Keys, table: Table) -> None:
        if len(path) == 1 and path[0] in self.blocks:
            self._blocks(at, path, table)
            return
        self.splices.block(at, f"[{_key(path)}]")
        self._pairs(at, (), table)

    def _pairs(self, at: int, prefix: Keys, table: Table) -> None:
        for key, value in table.items():
            self.splices.line(at, f"{_key((*prefix, key))} = {inline(value)}")
