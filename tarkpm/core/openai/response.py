"""Write the answers of OpenAI's API: the list of models, a completion, and the same as server-sent events.

All JSON is ASCII, so that no character of a plugin can end an event, a line or a string.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tarkpm.core.chat import ChatResponse, Usage


class Model(msgspec.Struct, frozen=True, order=True):
    """A model of a provider plugin."""

    plugin: str
    name: str

    @property
    def id(self) -> str:
        """Return the id under which clients ask for it.

        It is unambiguous: a plugin's name contains no slash, a model's name may.
        """
        return f"{self.plugin}/{self.name}"


class Answer(msgspec.Struct, frozen=True):
    """A provider's answer to a request. ``id`` is new for each, ``created`` is in seconds since 1970."""

    id: str
    created: int
    model: str
    response: ChatResponse


def model_from(text: str) -> Model | None:
    """Return the model with an id; None if it is not of the form ``PLUGIN/MODEL``."""
    plugin, slash, name = text.partition("/")
    return Model(plugin, name) if plugin and slash and name else None


def model_list(models: Iterable[Model]) -> bytes:
    """Return the body of ``GET /v1/models``."""
    return _json({"object": "list", "data": [_model(model) for model in models]})


def model_body(model: Model) -> bytes:
    """Return the body of ``GET /v1/models/ID``."""
    return _json(_model(model))


def cut_at(text: str, stops: Sequence[str]) -> str:
    """Return ``text`` up to the first of the stop texts, which a provider plugin does not know of.

    >>> cut_at("one two three", ["three", "two"])
    'one '
    """
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def completion(answer: Answer) -> bytes:
    """Return the body of a completion. There is no usage if the provider counts no tokens."""
    message = {"role": "assistant", "content": answer.response.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    used = answer.response.usage
    usage = {"usage": _usage(used)} if used else {}
    return _json({**_head(answer, "chat.completion"), "choices": [choice], **usage})


def events(answer: Answer, *, counts_usage: bool) -> bytes:
    """Return a completion as server-sent events: one chunk with the whole text, and the end.

    ``counts_usage`` adds a chunk with the usage before the end, if the provider counts tokens.
    """
    head = _head(answer, "chat.completion.chunk")
    delta = {"role": "assistant", "content": answer.response.text}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": "stop"}
    chunks: list[dict[str, Any]] = [{**head, "choices": [choice]}]
    if counts_usage and answer.response.usage:
        chunks.append({**head, "choices": [], "usage": _usage(answer.response.usage)})
    return b"".join(b"data: %s\n\n" % data for data in [*map(_json, chunks), b"[DONE]"])


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": answer.id, "object": kind, "created": answer.created, "model": answer.model}


def _model(model: Model) -> dict[str, Any]:
    # A provider plugin does not say since when it has a model. The field is not optional in OpenAI's clients.
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.plugin}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")
