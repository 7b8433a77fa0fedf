"""What a client of OpenAI's API may ask a provider plugin for, and how the rest is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.chat import Message
from tarkpm.core.openai.refusal import ApiRefusal
from tarkpm.core.openai.request import MAX_DEPTH, MAX_MESSAGES, MAX_TEXT, ChatRequest, read_chat

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(["model", "messages", "stream", "stop", "tools", "n", "user", "x", "role", "content"])


def asked(**changes: Any) -> bytes:
    """A request with some of its parameters changed."""
    return json.dumps({"model": "p/m", "messages": [USER], **changes}).encode()


def refused(body: bytes) -> ApiRefusal:
    with pytest.raises(ApiRefusal) as caught:
        read_chat(body)
    return caught.value


def test_the_smallest_request() -> None:
    assert read_chat(asked()) == ChatRequest("p/m", (Message("user", "hi"),))


def test_roles_and_text_parts() -> None:
    turns = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"role": "assistant", "content": "", "tool_calls": [], "refusal": None, "name": None},
        {"role": "tool", "content": "d", "tool_call_id": "call_1"},
    ]
    assert read_chat(asked(messages=turns)).messages == (
        Message("system", "a"),
        Message("system", "b\nc"),
        Message("assistant", ""),
        Message("tool", "d"),
    )


def test_what_only_tunes_the_answer_is_ignored_and_named() -> None:
    request = read_chat(asked(temperature=0.2, max_tokens=5, seed=None, user="me"))
    assert request.ignored == ("max_tokens", "temperature", "user")


def test_streaming_and_stops() -> None:
    request = read_chat(asked(stream=True, stream_options={"include_usage": True}, stop="END"))
    assert (request.is_streamed, request.counts_usage, request.stop) == (True, True, ("END",))
    assert read_chat(asked(stop=["a", "b"])).stop == ("a", "b")


def test_values_that_ask_for_a_text_alone_are_accepted() -> None:
    harmless = {"n": 1, "tools": [], "tool_choice": "auto", "response_format": {"type": "text"}}
    assert read_chat(asked(**harmless, logprobs=False, modalities=["text"])).ignored == ()


@pytest.mark.parametrize(
    ("changes", "param", "message"),
    [
        ({"tools": [TOOL]}, "tools", "tools: a provider plugin of tark takes and returns only text"),
        ({"functions": [{}]}, "functions", "functions: a provider plugin of tark takes and returns only text"),
        ({"tool_choice": "required"}, "tool_choice", "tool_choice: a provider plugin of tark takes and"),
        ({"n": 2}, "n", "n: a provider"),
        ({"n": True}, "n", "n: a provider"),
        ({"logprobs": True}, "logprobs", "logprobs: a provider"),
        ({"response_format": {"type": "json_object"}}, "response_format", "response_format: a provider"),
        ({"modalities": ["text", "audio"]}, "modalities", "modalities: a provider"),
        ({"audio": {}}, "audio", "unknown parameter 'audio'"),
        ({"x\r\ny": 1}, "x\r\ny", r"unknown parameter 'x\r\ny'"),
        (
            {"messages": [{**USER, "tool_calls": [{}]}]},
            "messages[0].tool_calls",
            "messages[0]: a message to a provider plugin has only text, found 'tool_calls'",
        ),
        ({"messages": [{**USER, "name": "ann"}]}, "messages[0].name", "messages[0]: a message to"),
        ({"messages": [{**USER, "tool_call_id": "1"}]}, "messages[0].tool_call_id", "messages[0]: a mess"),
        (
            {"messages": [USER, {"role": "user", "content": [IMAGE]}]},
            "messages[1].content[0]",
            "messages[1].content[0]: a provider plugin of tark takes only text parts, found 'image_url'",
        ),
    ],
)  # fmt: skip
def test_what_a_plugin_cannot_take_is_refused_not_dropped(
    changes: dict[str, Any], param: str, message: str
) -> None:
    refusal = refused(asked(**changes))
    assert (refusal.status, refusal.code, refusal.param) == (400, "unsupported_parameter", param)
    assert refusal.message.startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "model: expected a text of 1 to 300 characters, found None"),
        ({"model": "m" * 301}, "model: expected a text of 1 to 300 characters, found 'mmm"),
        ({"messages": None}, "messages: expected 1 to 2,000 messages, found None"),
        ({"messages": []}, "messages: expected 1 to 2,000 messages, found 0"),
        ({"messages": [USER] * (MAX_MESSAGES + 1)}, "messages: expected 1 to 2,000 messages, found 2,001"),
        ({"messages": ["hi"]}, "messages[0]: expected an object, found 'hi'"),
        (
            {"messages": [{"role": "function", "content": "x"}]},
            "messages[0].role: expected one of system, developer, user, assistant, tool; found 'function'",
        ),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role: expected one of"),
        ({"messages": [{"role": "user"}]}, "messages[0].content: expected a text or 1 to 1,000 text parts"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content: expected a text or 1 to"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0]: expected type and text only",
        ),
        ({"stream": "yes"}, "stream: expected true or false, found 'yes'"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage: expected true or false"),
        ({"stop": ["a"] * 5}, "stop: expected up to 4 texts of 1 to 500 characters, found"),
        ({"stop": ""}, "stop: expected up to 4 texts"),
        ({"stop": 1}, "stop: expected up to 4 texts"),
    ],
)
def test_a_malformed_request_says_where(changes: dict[str, Any], message: str) -> None:
    refusal = refused(asked(**changes))
    assert (refusal.status, refusal.code) == (400, "invalid_value")
    assert refusal.message.startswith(message)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":NaN}', rb'{"model":"\ud800"}', b"{}x"])
def test_a_body_that_is_not_json(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_not_an_object(body: bytes) -> None:
    assert refused(body).message.startswith("expected an object, found")


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 200, 100_000])
def test_a_deep_body_is_refused_wherever_it_is_deep(levels: int) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        inner = opening * (levels - 1) + b"1" + closing * (levels - 1)
        body = b'{"model":"p/m","messages":[{"role":"user","content":"x"}],"metadata":' + inner + b"}"
        assert refused(body).message == "the body has more than 16 levels"


def test_the_texts_together_are_bounded_in_bytes() -> None:
    half = {"role": "user", "content": "ä" * (MAX_TEXT // 4)}
    assert len(read_chat(asked(messages=[half, half])).messages) == 2
    refusal = refused(asked(messages=[half, half, USER]))
    assert (refusal.status, refusal.code) == (413, "context_length_exceeded")
    assert refusal.message == "messages: expected at most 1,048,576 bytes of text, found 1,048,578"


@given(JSON | st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON, max_size=3), max_size=2)))
def test_any_json_is_a_request_or_a_refusal(document: Any) -> None:
    try:
        read_chat(json.dumps(document).encode())
    except ApiRefusal as refusal:
        assert refusal.status in (400, 413)  # noqa: PT017
