"""A model on loopback that makes an agent call one tool, in two dialects of OpenAI's API.

It calls the tool whose name contains `WANTED` as soon as it is offered, however the agent spells it, and ends the
turn once it has the result. Until then it looks busy: an agent may begin before its servers are ready.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WANTED = "textstats"
ARGUMENTS = json.dumps({"text": "a b c"})
CALL = "call-1"


class FakeModel(ThreadingHTTPServer):
    """The server: ``offered`` are the names of tools that were offered, ``results`` what the called one returned."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.offered: set[str] = set()
        self.results: list[str] = []

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def fake_model() -> Iterator[FakeModel]:
    """A running model."""
    with FakeModel() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: FakeModel
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self._send(json.dumps({"object": "list", "data": []}), "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        events = self._responses(body) if self.path.endswith("/responses") else self._completion(body)
        self._send(events, "text/event-stream")

    def _send(self, text: str, kind: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _completion(self, body: Mapping[str, Any]) -> str:
        """Chat completions, as a stream."""
        names = [one["function"]["name"] for one in body.get("tools", ())]
        done = [one["content"] for one in body["messages"] if one["role"] == "tool"]
        wanted = self._wanted(names, done)
        function = {"name": wanted, "arguments": ARGUMENTS}
        called = {"tool_calls": [{"index": 0, "id": CALL, "type": "function", "function": function}]}
        delta = {"role": "assistant", **(called if wanted else {"content": "done"})}
        ended = "tool_calls" if wanted else "stop"
        chunks = [
            {"index": 0, "delta": one, "finish_reason": end} for one, end in ((delta, None), ({}, ended))
        ]
        shape = {"id": "x", "object": "chat.completion.chunk", "model": "fake"}
        lines = [json.dumps({**shape, "choices": [chunk]}) for chunk in chunks]
        return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])

    def _responses(self, body: Mapping[str, Any]) -> str:
        """The Responses API, as a stream; tools of a server are in a namespace."""
        tools: list[tuple[str, str | None]] = [(one.get("name", ""), None) for one in body.get("tools", ())]
        tools += [
            (more["name"], one["name"]) for one in body.get("tools", ()) for more in one.get("tools", ())
        ]
        outputs = [one for one in body["input"] if one.get("type") == "function_call_output"]
        done = [str(one["output"]) for one in outputs if one["call_id"] == CALL]
        wanted = self._wanted([name for name, _ in tools], done)
        if wanted:
            space = next(space for name, space in tools if name == wanted)
            item = {
                "type": "function_call",
                "id": "f1",
                "call_id": CALL,
                "name": wanted,
                "arguments": ARGUMENTS,
            }
            item |= {"namespace": space} if space else {}
        elif done or len(outputs) > 60:
            said = [{"type": "output_text", "text": "done"}]
            item = {"type": "message", "id": "m1", "role": "assistant", "content": said}  # type: ignore[dict-item]
        else:
            time.sleep(0.5)
            item = {"type": "function_call", "id": "w", "call_id": f"wait-{len(outputs)}"}
            item |= {"name": "get_goal", "arguments": "{}"}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {"id": "r1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "r1", "usage": usage}},
        ]
        return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)

    def _wanted(self, names: list[str], done: list[str]) -> str:
        self.server.offered.update(names)
        self.server.results += done
        if done:
            return ""
        return next((one for one in names if WANTED in one.replace("-", "").replace("_", "")), "")
