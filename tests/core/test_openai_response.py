"""The answers of OpenAI's API: whatever a plugin says stays inside its JSON string."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.chat import ChatResponse, Usage
from tarkpm.core.openai.refusal import ApiRefusal, error_body
from tarkpm.core.openai.response import (
    Answer,
    Model,
    completion,
    cut_at,
    events,
    model_from,
    model_list,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def answer(text: str, usage: Usage | None = None) -> Answer:
    return Answer("chatcmpl-1", 7, "p/m", ChatResponse(text, usage))


def sent(data: bytes) -> list[Any]:
    """The events of a stream as a client reads them (HTML, 9.2.6): lines end at CR, LF or both."""
    lines = data.decode("ascii").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines.pop() == ""
    assert lines[1::2] == [""] * (len(lines) // 2)
    assert all(line.startswith("data: ") for line in lines[::2])
    *chunks, end = [line.removeprefix("data: ") for line in lines[::2]]
    assert end == "[DONE]"
    return [json.loads(chunk) for chunk in chunks]


@given(TEXT)
def test_a_text_arrives_unchanged(text: str) -> None:
    assert json.loads(completion(answer(text)))["choices"][0]["message"]["content"] == text
    (chunk,) = sent(events(answer(text), counts_usage=True))
    assert chunk["choices"][0]["delta"] == {"role": "assistant", "content": text}
    assert chunk["choices"][0]["finish_reason"] == "stop"


def test_usage_is_there_if_it_is_known() -> None:
    assert "usage" not in json.loads(completion(answer("x")))
    counted = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    known = answer("x", Usage(2, 3))
    assert json.loads(completion(known))["usage"] == counted
    assert [chunk.get("usage") for chunk in sent(events(known, counts_usage=True))] == [None, counted]
    assert len(sent(events(known, counts_usage=False))) == 1


def test_a_model_s_id_is_unambiguous() -> None:
    assert model_from("openai-compat/meta/llama-3") == Model("openai-compat", "meta/llama-3")
    assert Model("openai-compat", "meta/llama-3").id == "openai-compat/meta/llama-3"
    assert [model_from(text) for text in ("", "m", "/m", "p/")] == [None] * 4


def test_the_list_of_models() -> None:
    assert json.loads(model_list([Model("p", "m")])) == {
        "object": "list",
        "data": [{"id": "p/m", "object": "model", "created": 0, "owned_by": "p"}],
    }


def test_a_text_ends_before_the_first_stop() -> None:
    assert cut_at("a b c", ()) == "a b c"
    assert cut_at("a b c", ("c", "b")) == "a "
    assert cut_at("a b c", ("x",)) == "a b c"


@given(st.text())
def test_an_error_is_printable_ascii(text: str) -> None:
    error = json.loads(error_body(ApiRefusal(400, text, code="c", param=text)).decode("ascii"))["error"]
    assert error["message"].isprintable()
    assert (error["param"] or "").isprintable()
