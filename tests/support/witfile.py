"""The package of wit/ as `worker.interfaces` spells types: read from the files, to be compared with it.

Only as much WIT as ours uses. Named types are spelled out, comments dropped.
"""

import re
from pathlib import Path

_TYPE = re.compile(r"(record|enum|variant)\s+([\w-]+)\s*\{(.*?)\}", re.DOTALL)
_FUNCTION = re.compile(r"(%?[\w-]+):\s*func\((.*?)\)\s*(?:->\s*([^;]+))?;", re.DOTALL)


def read(folder: Path) -> dict[str, dict[str, str]]:
    """Each interface's functions, as texts like ``func(key: string) -> option<string>``."""
    found = {}
    for file in sorted(folder.glob("*.wit")):
        text = re.sub(r"//.*", "", file.read_text("utf-8"))
        for name, body in _blocks(text, "interface"):
            found[name] = _functions(body)
    return found


def worlds(folder: Path) -> dict[str, set[str]]:
    """Each world's exported interfaces."""
    found = {}
    for file in sorted(folder.glob("*.wit")):
        text = re.sub(r"//.*", "", file.read_text("utf-8"))
        for name, body in _blocks(text, "world"):
            found[name] = set(re.findall(r"export\s+([\w-]+);", body))
    return found


def _blocks(text: str, keyword: str) -> list[tuple[str, str]]:
    blocks = []
    for head in re.finditer(rf"{keyword}\s+([\w-]+)\s*\{{", text):
        depth, end = 1, head.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        blocks.append((head[1], text[head.end() : end - 1]))
    return blocks


def _functions(body: str) -> dict[str, str]:
    types: dict[str, str] = {}
    for kind, name, inside in _TYPE.findall(body):
        items = [" ".join(item.split()) for item in inside.split(",") if item.strip()]
        types[name] = f"{kind}{{{', '.join(_spelled(item, types) for item in items)}}}"
    rest = _TYPE.sub("", body)
    return {
        name.lstrip("%"): f"func({_spelled(' '.join(params.split()), types)})"
        + (f" -> {_spelled(' '.join(result.split()), types)}" if result else "")
        for name, params, result in _FUNCTION.findall(rest)
    }


def _spelled(text: str, types: dict[str, str]) -> str:
    """Names that stand where a type stands: after a colon, an angle bracket, an arrow or a parenthesis."""
    return re.sub(
        r"(?P<before>^|[:<(]\s*|,\s+)(?P<name>[\w-]+)(?=$|[>),])",
        lambda match: match["before"] + types.get(match["name"], match["name"]),
        text,
    )
