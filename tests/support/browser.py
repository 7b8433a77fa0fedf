"""A real Chromium without a window, driven over its DevTools protocol."""

import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian's package of that name)")


class Browser:
    """One tab. What its pages ask for and complain about is in ``requests`` and ``complaints``."""

    def __init__(
        self, *, dark: bool = False, width: int = 1280, height: int = 900, script: bool = True
    ) -> None:
        assert CHROMIUM
        self._closing = ExitStack()
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *(
                    "--no-first-run",
                    "--disable-extensions",
                    "--disable-background-networking",
                    "--mute-audio",
                ),
                *("--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._closing.callback(self._end)
        self._ids = itertools.count(1)
        self.requests: list[str] = []
        self.sizes: dict[str, int] = {}
        self.complaints: list[str] = []
        try:
            self._socket = self._connect()
        except BaseException:
            self._closing.close()
            raise
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.appear(dark=dark, width=width, height=height)
        if not script:
            self.send("Emulation.setScriptExecutionDisabled", value=True)

    def _connect(self) -> ClientConnection:
        assert self._process.stderr
        for line in self._process.stderr:
            if found := re.search(r"ws://(127\.0\.0\.1:\d+)/", line):
                break
        else:
            raise RuntimeError("chromium did not start")
        with urllib.request.urlopen(f"http://{found[1]}/json") as answer:
            tabs = json.load(answer)
        (tab, *_) = (tab for tab in tabs if tab["type"] == "page")
        socket = connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None)
        return self._closing.enter_context(socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._closing.close()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stderr
        self._process.stderr.close()

    def appear(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Change the colour scheme that the user prefers, and the size of the window."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(30))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._event(message.get("method", ""), message.get("params", {}))

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.loadingFinished":
            self.sizes[params["requestId"]] = int(params["encodedDataLength"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))

    def go(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.send("Page.navigate", url=url)
        deadline = time.monotonic() + 20
        while self.ask("`${location.href} ${document.readyState}`") != f"{url} complete":
            assert time.monotonic() < deadline, f"{url} does not load"
            time.sleep(0.02)

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited."""
        found = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + 15
        while not (value := self.ask(expression)):
            assert time.monotonic() < deadline, expression
            time.sleep(0.03)
        return value

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key such as Tab or Enter."""
        codes = {"Tab": 9, "Enter": 13, "/": 191}
        text = {"Enter": "\r", "/": "/"}.get(key, "")
        known = {"key": key, "windowsVirtualKeyCode": codes[key], "code": "Slash" if key == "/" else key}
        self.send("Input.dispatchKeyEvent", type="keyDown", **known, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **known)

    def shoot(self, file: Path, *, whole: bool = True) -> None:
        """Write a picture of the page."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))
