"""Hooks of installed hook plugins around an agent's calls: ``tool.before`` and ``tool.after``.

The payload is ``{"plugin", "tool", "arguments"}``, afterwards with ``"output"`` and ``"success"``. A hook may
stop the call, or replace ``arguments`` or ``output``; what else it changes counts for nothing. Unlike
``tarkpm hook run``, a hook that fails stops the call: a guard that can be made to crash would be none.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.agent import outcome
from tarkpm.core.agent.listing import AgentTool
from tarkpm.core.agent.outcome import Outcome
from tarkpm.core.text import bounded_int, neutral, reject_constant, short
from tarkpm.errors import HostError, TarkError, UnmanagedRefused
from tarkpm.host.runtime import PluginHost
from tarkpm.ops.run.images import Images

BEFORE: Final = "tool.before"
AFTER: Final = "tool.after"
MAX_REASON: Final = 500
_REPLACED: Final[Mapping[str, tuple[str, type]]] = {BEFORE: ("arguments", dict), AFTER: ("output", str)}
"""What a hook may replace, and of which type it must stay."""


class Hooks:
    """The hook plugins of a project, in the order of their names."""

    def __init__(self, host: PluginHost, images: Images) -> None:
        self._host, self._images = host, images
        # A folder that somebody put there, and to which the user never agreed, guards nothing.
        self._broken = {
            name: problem
            for name, problem in images.failed.items()
            if not isinstance(problem, UnmanagedRefused)
        }
        self._events: dict[str, list[str]] = {}

    @property
    def watch(self) -> bool:
        """Return whether there is a hook plugin, which may want to see what agents get."""
        return bool(self._images.by_name or self._broken)

    def before(self, tool: AgentTool, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the arguments to call with. Raises `HostError` if a hook stops the call."""
        if not self.watch:
            return arguments
        found: Mapping[str, Any] = self._fire(BEFORE, _payload(tool, arguments))["arguments"]
        return found

    def after(self, tool: AgentTool, arguments: Mapping[str, Any], found: Outcome) -> Outcome:
        """Return the outcome to pass on. Raises `HostError` if a hook stops it."""
        if not self._images.by_name:
            return found
        sent = {**_payload(tool, arguments), "output": found.text, "success": not found.failed}
        output: str = self._fire(AFTER, sent)["output"]
        if output == found.text:
            return found
        again = outcome.reported(output) if found.failed else outcome.returned(output)
        return msgspec.structs.replace(again, host=tuple(dict.fromkeys((*found.host, *again.host))))

    def _fire(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        for name, problem in self._broken.items():
            raise HostError(f"the hook '{name}' cannot be loaded: {problem.message}", hint=problem.hint)
        for name in sorted(self._images.by_name):
            try:
                payload = self._ask(name, event, payload)
            except TarkError as problem:
                raise HostError(f"the hook '{name}' stopped the call: {problem.message}") from None
        return payload

    def _ask(self, name: str, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        image = self._images.by_name[name]
        if name not in self._events:
            self._events[name] = self._host.hook_events(image)
        if event not in self._events[name]:
            return payload
        found = self._host.hook_handle(image, event, json.dumps(payload))
        if found.action == "stop":
            raise HostError(neutral(found.reason or "no reason given", limit=MAX_REASON))
        if found.action == "continue":
            return payload
        # Here and not after the last hook: the next one would get what this one broke, and be blamed for it.
        return _read(found.payload or "", *_REPLACED[event])


def _payload(tool: AgentTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"plugin": tool.plugin, "tool": tool.tool, "arguments": dict(arguments)}


def _read(text: str, key: str, kind: type) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=reject_constant, parse_int=bounded_int)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HostError("it returned a payload that is not a JSON object")
    if not isinstance(found.get(key), kind):
        what = "an object" if kind is dict else "a text"
        raise HostError(f"expected {what} as '{key}' of its payload, found {short(found.get(key))}")
    return found
