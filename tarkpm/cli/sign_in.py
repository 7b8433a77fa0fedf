"""The user at a terminal who signs in."""

import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from tarkpm.cli.console import Console, style
from tarkpm.core.text import neutral
from tarkpm.host.results import DeviceCode
from tarkpm.io.programs import child_environment


class Terminal:
    """Shows where to sign in, and opens a browser where there is a display."""

    def __init__(self, ui: Console, environment: Mapping[str, str], *, browser: bool) -> None:
        self._ui = ui
        self._environment = environment
        self._opens = browser and ui.interactive and _has_browser(environment)

    def code(self, code: DeviceCode) -> None:
        """Show a code and where to enter it."""
        self._ui.say(f"Open  {style(neutral(code.verification_url), bold=True)}")
        self._ui.say(f"Enter {style(neutral(code.user_code), bold=True)}")

    def page(self, url: str) -> None:
        """Show the address to sign in at; at a terminal, also open it."""
        self._ui.say("Sign in at")
        self._ui.say(style(neutral(url), bold=True))
        if self._opens:
            arguments = (url, child_environment(self._environment))
            threading.Thread(target=_open, args=arguments, name="browser", daemon=True).start()

    def waiting(self, seconds: int) -> None:
        """Show the time that is left, in seconds."""
        self._ui.busy(f"waiting; {seconds // 60}:{seconds % 60:02} left")


def _has_browser(environment: Mapping[str, str]) -> bool:
    """Return whether a graphical browser can open: without a display Python starts a text browser here."""
    screen = any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.platform == "darwin" or screen or bool(environment.get("BROWSER"))


def _open(url: str, environment: dict[str, str]) -> None:
    """Open a page with Python's `webbrowser`, in a process of its own.

    `webbrowser` looks programs up in this process's PATH and current folder, which are not safe.
    """
    import subprocess

    command = [sys.executable, "-I", "-m", "webbrowser", url]
    with suppress(OSError):  # the address is on the screen; nobody needs to hear why nothing opened
        subprocess.run(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, check=False)
