"""Make calls of tools, and keep their records in state for a later review of an update."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tarkpm.core.recorded import RecordedCall
from tarkpm.errors import LimitReached, PluginCrashed, PluginFailed, TarkError
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports.env import Env
from tarkpm.host.results import ToolResult
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.images import serve
from tarkpm.ops.run.recorder import Recorder, listening
from tarkpm.ops.run.secrets import secrets_of
from tarkpm.store.call_ring import KEPT, CallRing

_OF_THE_PLUGIN: Final = (PluginFailed, PluginCrashed, LimitReached)
"""Failures that the plugin's code decides; others say something of this machine."""


class KeptCalls:
    """Calls of installed plugins that are recorded. The calls of one plugin must take turns."""

    def __init__(self, settings: Settings, ui: Ui, workspace: Path) -> None:
        """``workspace`` is the folder in which the plugins work."""
        self._settings, self._ui = settings, ui
        self._recorders: dict[str, Recorder] = {}
        self.interfaces: Interfaces = listening(serve(settings, workspace), self._recorders.get)
        """What serves the plugins, and hears what they ask for."""

    def call(
        self, image: PluginImage, make: Callable[[], ToolResult], tool: str, arguments: str
    ) -> ToolResult:
        """Make a call and keep its record; a record that cannot be kept is noted and changes nothing."""
        at = time.time_ns() // 1_000_000
        recorder = self._recorder(image)
        self._recorders[image.name] = recorder
        try:
            result = make()
        except _OF_THE_PLUGIN as problem:
            self._keep(image, recorder.recorded(at, tool, arguments, error=problem.message))
            raise
        finally:
            self._recorders.pop(image.name, None)
        error = None if result.success else result.error or ""
        self._keep(image, recorder.recorded(at, tool, arguments, result.output, error))
        return result

    def _recorder(self, image: PluginImage) -> Recorder:
        variables = Env(image.granted, self._settings.environment, lambda _: None).values
        known = secrets_of(self._settings, image, lambda _: None).known
        return Recorder(image.sha256, known, variables)

    def _keep(self, image: PluginImage, call: RecordedCall) -> None:
        ring = CallRing(self._settings.paths.state, image.data)
        try:
            is_first = ring.add(call)
        except (TarkError, OSError) as problem:
            reason = problem.message if isinstance(problem, TarkError) else problem.strerror
            self._ui.note(f"the call is not recorded: {reason}")
            return
        if call.left_out:
            self._ui.note(f"the call is not recorded, because {call.left_out}")
        elif is_first:
            # A pull request may have turned it on: who makes the calls must know that they are kept.
            which = f"the last {KEPT} calls of '{image.name}' are recorded, without secrets"
            self._ui.note(f"{which}, for update --review: {ring.folder}")
