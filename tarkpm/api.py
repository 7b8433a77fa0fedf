"""`tarkpm.Host`: installed plugins from Python, as the command line runs them.

>>> with Host.open("app") as host:                                    # doctest: +SKIP
...     host.call("text-tools", "text-stats", {"text": "a b c"})
'{"chars":5,"words":3,"lines":1}'
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tarkpm.errors import NotFound, PluginFailed, TarkError
from tarkpm.host import runtime
from tarkpm.host.channel_plugin import ChannelPlugin
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import ChatResponse, HookOutcome, Message, ToolDef
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.project.ui import Card
from tarkpm.ops.run.images import Images, load_images, open_host


class Host:
    """The enabled plugins of one project, by name. Safe for several threads; a context manager.

    Nobody is asked anything: a project whose decisions were not accepted raises `ProjectNotAccepted`.
    """

    def __init__(self, host: runtime.PluginHost, images: Images) -> None:
        """Use `open`."""
        self._host, self._images = host, images

    @classmethod
    def open(
        cls,
        project: str | Path | None = None,
        *,
        log: LogSink | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Host":
        """Open the project in a folder (None: the one above the current folder, else the user's own).

        ``log`` is called with each line a plugin logs. ``environment`` are the variables plugins may be
        granted, and where the user's folders are; the process's own without it. Plugins that cannot be
        loaded are in `failed`.
        """
        variables = dict(os.environ if environment is None else environment)
        settings = Settings(
            cwd=Path.cwd(),
            paths=user_paths(variables),
            environment=variables,
            project=Path(project) if project is not None else None,
        )
        images = load_images(settings, _Silent())
        return cls(open_host(settings, images, log=log, long_lived=True), images)

    @property
    def plugins(self) -> list[str]:
        """The names of the plugins that are ready, sorted."""
        return sorted(self._images.by_name)

    @property
    def failed(self) -> dict[str, TarkError]:
        """Return the error of each enabled plugin that could not be loaded."""
        return dict(self._images.failed)

    def tools(self, name: str = "") -> dict[str, list[ToolDef]]:
        """The tools of one tool plugin, or of all, by plugin. Raises `HostError`."""
        names = [name] if name else [n for n in self.plugins if self._image(n).type == "tool"]
        return {one: self._host.tools(self._image(one)) for one in names}

    def call(self, name: str, tool: str, arguments: Mapping[str, Any] | str = "{}") -> str:
        """Run a tool and return its output; raises `PluginFailed` if it says it failed, and `HostError`."""
        result = self._host.call(self._image(name), tool, _json(arguments))
        if not result.success:
            raise PluginFailed(result.error or "the tool failed", where=f"{name}: {tool}")
        return result.output

    def get_token(self, name: str) -> str:
        """The access token of an auth plugin; raises `PluginFailed` if it is not signed in."""
        return self._host.get_token(self._image(name))

    def models(self, name: str) -> list[str]:
        """The models of a provider plugin."""
        return self._host.models(self._image(name))

    def chat(self, name: str, messages: Sequence[Message], model: str) -> ChatResponse:
        """One answer of a provider plugin."""
        return self._host.chat(self._image(name), messages, model)

    def channel(self, name: str) -> ChannelPlugin:
        """The calls of a channel plugin: `info`, `start`, `poll`, `send`, `stop` and others."""
        return self._host.channel(self._image(name))

    def hook(self, name: str, event: str, payload: Mapping[str, Any] | str = "{}") -> HookOutcome:
        """Run one hook plugin on an event. The payload is a mapping or JSON text."""
        return self._host.hook_handle(self._image(name), event, _json(payload))

    def load(self, name: str) -> None:
        """Have a plugin ready, so that its first call does not wait. Raises `HostError`."""
        self._host.load(self._image(name))

    def load_all(self) -> dict[str, TarkError]:
        """Have all plugins ready that can be; what is wrong with the others, by name."""
        return {**self._images.failed, **self._host.load_all(self._images.by_name.values())}

    def unload(self, name: str) -> None:
        """End a plugin's worker; the next call starts another."""
        self._host.unload(name)

    def close(self) -> None:
        """End every worker."""
        self._host.close()

    def __enter__(self) -> "Host":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _image(self, name: str) -> PluginImage:
        if name in self._images.failed:
            raise self._images.failed[name]
        if name not in self._images.by_name:
            raise NotFound(f"no enabled plugin is named '{name}'", hint="tarkpm list")
        return self._images.by_name[name]


def _json(document: Mapping[str, Any] | str) -> str:
    return document if isinstance(document, str) else json.dumps(dict(document))


class _Silent:
    """A `Ui` with nobody behind it."""

    interactive = False

    def show(self, cards: list[Card]) -> None:
        """Show nothing."""

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """Nobody agrees."""
        return False

    def note(self, text: str) -> None:
        """Say nothing."""

    def busy(self, text: str) -> None:
        """Say nothing."""
