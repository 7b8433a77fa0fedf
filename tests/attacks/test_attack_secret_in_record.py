"""A plugin puts secrets where a record of its call is kept: in results, URLs, storage, and other spellings."""

import base64
import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tarkpm.core.masking import Mask
from tarkpm.core.recorded import RecordedCall
from tarkpm.ops.run.recorder import Recorder

SECRET = "k3y/+value=of&the user"
BOUND = "ghp_bound0123456789"
SPELLED = {
    "plain": SECRET,
    "base64": base64.b64encode(b"user:" + SECRET.encode()).decode(),
    "url": quote(SECRET, safe=""),
    "json": json.dumps({"got": [SECRET]}),
    "hex": SECRET.encode().hex(),
}


def recorder(bound: str = "") -> Recorder:
    def known() -> Mask:
        mask = Mask()
        if bound:
            mask.add(bound)
        return mask

    return Recorder("0" * 64, known)


def kept(call: RecordedCall) -> str:
    """The bytes of a record that are searched for a secret."""
    return msgspec.json.encode(call).decode().lower()


HEARD: dict[str, tuple[str, str, tuple[Any, ...], Any]] = {
    "variable": ("env", "get", ("API_KEY",), SECRET),
    "header": ("http", "get", ("https://a.example/", [("Authorization", f"Bearer {SECRET}")]), {"err": {}}),
    "cookie": (
        "http",
        "get",
        ("https://a.example/", []),
        {"ok": {"status": 200, "headers": [["set-cookie", SECRET]], "body": ""}},
    ),
    "token": ("storage", "get", ("refresh-token",), SECRET),
    "long value": ("storage", "set", ("a", SECRET), {"ok": None}),
    "home": ("fs", "read", ("~/.config/x/y",), {"ok": SECRET}),
}


@pytest.mark.parametrize("spelling", SPELLED)
@pytest.mark.parametrize("where", HEARD)
def test_it_is_kept_nowhere(where: str, spelling: str) -> None:
    listener, spelled = recorder(), SPELLED[spelling]
    listener.heard(*HEARD[where])
    listener.heard("http", "get", (f"https://a.example/?q={quote(spelled, safe='')}", []), {"err": {}})
    listener.heard("shell", "run", (["echo", spelled], None, None, None), {"err": spelled})
    listener.heard("storage", "set", ("k", spelled), {"ok": None})
    call = listener.recorded(1, "tool", json.dumps({"a": spelled}), f"<{spelled}>", f"no {spelled}")
    text = kept(call)
    for form in SPELLED.values():
        assert form.lower() not in text
        assert form.lower()[:-4] not in text
    assert call.left_out == ""
    assert call.output.startswith("<")


@pytest.mark.parametrize(
    "body", ['{"access_token":"%s"}', "access_token=%s&expires=1", 'x {"a":"password: %s"}']
)
def test_what_a_server_gave_by_name_and_the_plugin_repeats(body: str) -> None:
    token, listener = "eyJh.bGci.OiJI", recorder()
    answer = {"ok": {"status": 200, "headers": [], "body": body % token}}
    listener.heard("http", "post", ("https://a.example/token", "x=1", []), answer)
    call = listener.recorded(1, "login", "{}", f"you are in: {token}")
    assert token.lower() not in kept(call)
    assert call.output == "you are in: " + "*" * len(token)


def test_a_secret_of_the_user_that_was_typed_or_comes_back() -> None:
    listener = recorder(BOUND)
    listener.heard(
        "http", "get", (f"https://a.example/{BOUND}", []), {"err": {"message": BOUND, "status": None}}
    )
    call = listener.recorded(1, "tool", json.dumps({"key": BOUND}), BOUND)
    assert BOUND not in kept(call)


@pytest.mark.parametrize("value", ["hunter2", "señor-secreto", "two\nlines of it"])
def test_a_variable_that_cannot_be_masked_is_not_recorded_at_all(value: str) -> None:
    listener = recorder()
    listener.heard("env", "get", ("PIN",), value)
    listener.heard("storage", "set", ("a", value), {"ok": None})
    call = listener.recorded(1, "tool", json.dumps(value), value, value)
    assert call == RecordedCall(1, "0" * 64, "tool", left_out=call.left_out)
    assert call.left_out == "the value of PIN is too short or too unusual to be masked"


def test_a_variable_that_an_earlier_call_stored() -> None:
    short = "key-of-14-char"  # a stored value of this length is shown in traces
    listener = Recorder("0" * 64, Mask, [short, "C.UTF-8", "other\nvalue"])
    listener.heard("storage", "get", ("a",), short)
    call = listener.recorded(1, "tool", "{}", f"it is {short} in C.UTF-8, and other\nvalue")
    assert short not in kept(call)
    assert call.output == f"it is {'*' * 14} in C.UTF-8, and {'*' * 11}"


def test_more_than_is_kept_is_left_out() -> None:
    many, big, named = recorder(), recorder(), recorder()
    for n in range(501):
        many.heard("storage", "get", (f"k{n}",), None)
        named.heard("storage", "get", ("a",), f"a long value of a storage, number {n}")
    big.heard("filesystem", "read", ("a",), {"ok": "x" * 300_000})
    for listener in (many, big, named):
        call = listener.recorded(1, "tool", "{}", "done")
        assert (call.left_out != "", call.host_calls, call.output) == (True, (), "")
    assert recorder().recorded(1, "tool", "{}", "x" * 300_000).left_out == "it is larger than 256 KiB"


def test_json_stays_json() -> None:
    body = '{"next_token": null, "total_tokens": 12, "secrets": ["a"], "access_token": "abcdefgh"}'
    listener = recorder()
    listener.heard(
        "http", "get", ("https://a.example/", []), {"ok": {"status": 200, "headers": [], "body": body}}
    )
    (call,) = listener.recorded(1, "tool", "{}").host_calls
    assert json.loads(call.answer["ok"]["body"]) == {
        "next_token": None,
        "total_tokens": 11,
        "secrets": ["a"],
        "access_token": "********",
    }
