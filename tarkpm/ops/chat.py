"""``tarkpm chat``: talk to a model through a provider plugin."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tarkpm.errors import NotFound
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import ChatResponse, Message, PluginHost
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.images import load_target, open_host

MAX_TURNS = 200
"""Messages kept of a conversation: the oldest are dropped first, the system prompt stays."""


class ChatReport(msgspec.Struct, frozen=True):
    """One answer, and the tokens the provider counted (None if it counts none)."""

    plugin: str
    model: str
    text: str
    input_tokens: int | None
    output_tokens: int | None


class ChatSession:
    """A conversation with a model of a provider plugin."""

    def __init__(self, host: PluginHost, image: PluginImage, model: str, system: str) -> None:
        self._host, self._image, self.model = host, image, model
        self._system = [Message("system", system)] if system else []
        self._turns: list[Message] = []

    def models(self) -> list[str]:
        """Return the models the plugin offers."""
        return self._host.models(self._image)

    @property
    def is_cut(self) -> bool:
        """Return whether the first messages are no longer sent."""
        return len(self._turns) > MAX_TURNS

    def ask(self, prompt: str) -> ChatReport:
        """Send a prompt and return the answer; a failed turn is not kept. Raises `HostError`."""
        turns = [*self._turns, Message("user", prompt)]
        model = self.model or self._first_model()
        answer = self._host.chat(self._image, [*self._system, *turns[-MAX_TURNS:]], model)
        # Only now: a failed turn would be sent again with every later one.
        self._turns, self.model = [*turns, Message("assistant", answer.text)], model
        return _report(self._image.name, model, answer)

    def _first_model(self) -> str:
        models = self.models()
        if not models:
            hint = "choose one with --model"
            raise NotFound("the plugin offers no model", where=self._image.name, hint=hint)
        return models[0]


def _report(plugin: str, model: str, answer: ChatResponse) -> ChatReport:
    usage = answer.usage
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
    return ChatReport(plugin, model, answer.text, *tokens)


@contextmanager
def open_conversation(
    settings: Settings, ui: Ui, target: str, *, model: str, system: str, log: LogSink
) -> Iterator[ChatSession]:
    """Open a conversation with a provider plugin; its worker ends with the block."""
    image, images = load_target(settings, ui, target)
    with open_host(settings, images, log=log) as host:
        yield ChatSession(host, image, model, system)
