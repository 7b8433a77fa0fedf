"""A conversation with a model, as a provider plugin takes and answers it (``provider-plugin`` in the WIT)."""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class Usage(msgspec.Struct, frozen=True):
    """Token counts, as the provider reports them."""

    input_tokens: int
    output_tokens: int


class ChatResponse(msgspec.Struct, frozen=True):
    """The answer of a model."""

    text: str
    usage: Usage | None
