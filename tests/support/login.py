"""A sign-in through a browser, by a person who does as the page says."""

import threading
import time
from urllib.request import urlopen

from support.sandbox import Result, Sandbox


class Login:
    """A login under way, and the person at a browser."""

    def __init__(self, sandbox: Sandbox, *arguments: str, plugin: str = "chatgpt-oauth", **env: str) -> None:
        self.process = sandbox.spawn("auth", "login", plugin, *arguments, env=env)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self._lines.append(line)

    def page(self) -> str:
        """The address the person is sent to."""
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            for line in list(self._lines):
                if line.startswith("http"):
                    return line.strip()
            time.sleep(0.02)
        raise AssertionError(self._lines)

    def browse(self) -> str:
        """Do as the page says, redirects and all; the page the person ends at."""
        with urlopen(self.page(), timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def ended(self) -> Result:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            out = stdout.read()
        status = self.process.wait(60)
        self._reader.join()
        return Result(status, out, "".join(self._lines))
