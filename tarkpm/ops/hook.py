"""``tarkpm hook run``: fire a lifecycle event to every enabled hook plugin that handles it, in order."""

import msgspec

from tarkpm.core.text import neutral
from tarkpm.errors import TarkError
from tarkpm.host.imports.log import LogSink
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.images import load_images, load_target, open_host
from tarkpm.ops.run.json_text import check_json


class Handled(msgspec.Struct, frozen=True):
    """The outcome of one plugin: continue, replace, stop, ignored, or failed with a reason."""

    plugin: str
    action: str
    reason: str = ""


class HookReport(msgspec.Struct, frozen=True):
    """The event's payload after all plugins (JSON text), whether one stopped it, and what each did."""

    event: str
    payload: str
    stopped: bool
    handled: tuple[Handled, ...]


def run_hooks(
    settings: Settings, ui: Ui, event: str, payload: str, log: LogSink, *, target: str = ""
) -> HookReport:
    """Fire ``event`` with a JSON payload; plugins are asked in the order of their names.

    With a ``target``, only that plugin or working copy is asked. Raises what `load_target` raises.

    A plugin that fails, or returns a payload that is not JSON, is skipped and reported. The first plugin that
    stops the event ends it.
    """
    check_json(payload, "the payload is")
    images = load_target(settings, ui, target)[1] if target else load_images(settings, ui, type="hook")
    handled = [Handled(name, "failed", problem.message) for name, problem in images.failed.items()]
    with open_host(settings, images, log=log) as host:
        for name, image in images.by_name.items():
            try:
                if event not in host.hook_events(image):
                    handled.append(Handled(name, "ignored"))
                    continue
                outcome = host.hook_handle(image, event, payload)
                if outcome.action == "replace":
                    check_json(outcome.payload or "", "the new payload is")
                    payload = outcome.payload or ""
            except TarkError as problem:
                handled.append(Handled(name, "failed", problem.message))
                continue
            handled.append(Handled(name, outcome.action, outcome.reason or ""))
            if outcome.action == "stop":
                return HookReport(event, payload, True, tuple(handled))
    if all(one.action == "ignored" for one in handled):
        ui.note(f"no enabled hook plugin handles '{neutral(event, limit=100)}'")
    return HookReport(event, payload, False, tuple(handled))
