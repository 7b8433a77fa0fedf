"""Run installed plugins from Python, as the command line does: `tarkpm.Host`.

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

from tarkpm.core.name_similarity import did_you_mean
from tarkpm.errors import HostError, NotFound, PluginFailed, TarkError
from tarkpm.host import runtime
from tarkpm.host.channel_plugin import ChannelPlugin
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import ChatResponse, HookOutcome, Message, ToolDef
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.project.ui import Card
from tarkpm.ops.run.images import Images, load_images, open_host


class Host:
    """The enabled plugins of one project, by name. Thread-safe; a context manager.

    It never prompts: a project whose decisions were not accepted raises `ProjectNotAccepted`
    (docs/trust-rules.md, rule 3).
    """

    def __init__(self, host: runtime.PluginHost, images: Images) -> None:
        """Do not call this; use `open`."""
        self._opened, self._images = host, images
        self._is_closed = False

    @classmethod
    def open(
        cls,
        project: str | Path | None = None,
        *,
        log: LogSink | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Host":
        """Open the project in a folder and start the host for its plugins.

        ``project`` is the folder that contains tark.toml. By default it is the nearest one at or above the
        current folder, or else the user's own project. ``log`` is called with each line that a plugin logs.
        ``environment`` holds the variables that plugins may be granted and that locate the user's folders;
        by default it is ``os.environ``.

        Plugins that cannot be loaded do not raise here: see `failed`. Raises `ProjectNotAccepted`,
        `ProjectError` and `LockError`, and `TarkError` for an empty string.
        """
        if project == "":  # `Path("")` is the current folder
            raise TarkError("expected a folder, found an empty string", where="project")
        # A copy: later changes of os.environ must not change what plugins were granted.
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
        """The names of the plugins that can be called, sorted."""
        return sorted(self._images.by_name)

    @property
    def failed(self) -> dict[str, TarkError]:
        """The errors of the enabled plugins that could not be loaded, by plugin name."""
        return dict(self._images.failed)

    def tools(self, name: str = "") -> dict[str, list[ToolDef]]:
        """Return the tools of one tool plugin, or of all, by plugin name.

        Without ``name``, plugins whose tools tark.lock does not pin are left out: what they say of their
        tools may change at any time, and is not for a model (docs/trust-rules.md, rule 13).

        Raises `NotFound` for an unknown plugin and `HostError`.
        """
        host = self._host  # a closed host raises even if it has no tool plugin
        pinned = (one for one in self.plugins if one not in self._images.unpinned)
        names = [name] if name else [one for one in pinned if self._image(one).type == "tool"]
        return {one: host.tools(self._image(one)) for one in names}

    def call(self, name: str, tool: str, arguments: Mapping[str, Any] | str = "{}") -> str:
        """Run a tool and return its output.

        ``arguments`` is a mapping or a JSON object as text. Raises `PluginFailed` if the tool reports a
        failure, and other kinds of `HostError` if it cannot be run.
        """
        result = self._host.call(self._image(name), tool, _json(arguments))
        if not result.success:
            raise PluginFailed(result.error or "the tool failed", where=f"{name}: {tool}")
        return result.output

    def get_token(self, name: str) -> str:
        """Return the access token of an auth plugin. Raises `PluginFailed` if the user is not signed in."""
        return self._host.get_token(self._image(name))

    def models(self, name: str) -> list[str]:
        """Return the names of the models that a provider plugin offers. Raises `HostError`."""
        return self._host.models(self._image(name))

    def chat(self, name: str, messages: Sequence[Message], model: str) -> ChatResponse:
        """Send a conversation to a provider plugin and return its answer. Raises `HostError`."""
        return self._host.chat(self._image(name), messages, model)

    def channel(self, name: str) -> ChannelPlugin:
        """Return the calls of a channel plugin: `info`, `start`, `poll`, `send`, `stop` and others."""
        return self._host.channel(self._image(name))

    def hook(self, name: str, event: str, payload: Mapping[str, Any] | str = "{}") -> HookOutcome:
        """Pass an event to a hook plugin and return the outcome.

        ``payload`` is a mapping or JSON text. Raises `HostError`.
        """
        return self._host.hook_handle(self._image(name), event, _json(payload))

    def load(self, name: str) -> None:
        """Start a plugin's worker, so that the first call does not wait for it. Raises `HostError`."""
        self._host.load(self._image(name))

    def load_all(self) -> dict[str, TarkError]:
        """Start the workers of all plugins. Return the errors of those that failed, by plugin name."""
        return {**self._images.failed, **self._host.load_all(self._images.by_name.values())}

    def unload(self, name: str) -> None:
        """Stop a plugin's worker. The next call starts a new one."""
        self._host.unload(name)

    def close(self) -> None:
        """Stop all workers. Afterwards every method raises `HostError`; `open` another host to go on."""
        self._is_closed = True
        self._opened.shut()

    def __enter__(self) -> "Host":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _host(self) -> runtime.PluginHost:
        if self._is_closed:
            raise HostError("the host is closed", hint="open another one: Host.open()")
        return self._opened

    def _image(self, name: str) -> PluginImage:
        if name in self._images.failed:
            raise self._images.failed[name]  # the reason, instead of "no such plugin"
        if name not in self._images.by_name:
            near = did_you_mean(name, self._images.by_name)
            raise NotFound(f"no enabled plugin is named '{name}'{near}", hint="tarkpm list")
        return self._images.by_name[name]


def _json(document: Mapping[str, Any] | str) -> str:
    return document if isinstance(document, str) else json.dumps(dict(document))


class _Silent:
    """A `Ui` that shows nothing and declines every prompt."""

    interactive = False

    def show(self, cards: list[Card]) -> None:
        """Ignore the cards."""

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """Decline: a library call must not consent for the user."""
        return False

    def note(self, text: str) -> None:
        """Say nothing."""

    def busy(self, text: str) -> None:
        """Say nothing."""
