"""Attack: use the models of `tarkpm serve openai` without the right to, or harm the server or its client.

The attackers: a web page that is open in the user's browser, another program of this machine, a client that
has the token, and a plugin.
"""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from support import older
from support.guest_flows import install
from support.sandbox import PLUGINS, Sandbox
from support.served import TOKEN, Served, received, serving_openai
from support.services import Chat, Service, serving

from tarkpm.host.imports.log import LogLine
from tarkpm.io.local_server import MAX_BODY

COMPAT = (PLUGINS / "openai-compat" / "plugin.wasm").read_bytes()
MODEL = "openai-compat/echo-1"
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
EVIL = "a\r\nset-cookie: x=1\r\n\r\n\x1b[2J\u202e\u2028data: {}\n\n\x00\x85"


@pytest.fixture
def upstream() -> Iterator[Service]:
    with serving(Chat) as service:
        yield service


@pytest.fixture
def served(sandbox: Sandbox, upstream: Service) -> Iterator[Served]:
    install(
        sandbox,
        "openai-compat",
        "provider",
        COMPAT,
        f'http = ["{upstream.authority}"]\nenv = ["OPENAI_*", "TARKPM_*"]',
    )
    env = {"OPENAI_BASE_URL": f"http://{upstream.authority}", "TARKPM_SERVE_TOKEN": TOKEN}
    with serving_openai(sandbox, env=env) as found:
        yield found


def evil_provider(sandbox: Sandbox, said: object) -> None:
    """Install a provider that answers with this document."""
    install(sandbox, "evil", "provider", older.listing_provider(json.dumps(said).encode()))


# -- a web page, and a program without the token


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f"{TOKEN}, {TOKEN}"])
def test_without_the_token(served: Served, upstream: Service, token: str) -> None:
    for got in (
        served.ask("GET", "/v1/models", token=token),
        served.ask("POST", "/v1/chat/completions", ASKED, token=token),
        served.ask("GET", "/", token=token),
    ):
        assert (got.status, got.error["code"]) == (401, "invalid_api_key")
        assert TOKEN.encode() not in got.body
    assert upstream.requests == []


def test_the_token_belongs_into_the_header(served: Served, upstream: Service) -> None:
    for got in (
        served.ask("GET", f"/v1/models?api_key={TOKEN}&access_token={TOKEN}", token=""),
        served.ask("GET", "/v1/models", token="", x_api_key=TOKEN, cookie=f"token={TOKEN}"),
        served.ask("GET", "/v1/models", token="", authorization=f"Basic {TOKEN}"),
    ):
        assert got.status == 401
    assert upstream.requests == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost"]
)
def test_a_name_that_was_rebound_to_this_machine(served: Served, upstream: Service, host: str) -> None:
    """The page's own script is of the server's origin then; not even the right token helps."""
    name = host.format(port=served.server.address.port)
    for token in (TOKEN, ""):
        got = served.ask("POST", "/v1/chat/completions", ASKED, token=token, host=name)
        assert (got.status, got.error["code"]) == (421, "wrong_host")
    assert upstream.requests == []


def test_an_absolute_target_does_not_replace_the_host(served: Served) -> None:
    """RFC 9112, 3.2.2 lets its host win; here the Host header must be right whatever the target says."""
    target = f"http://{served.authority}/v1/models"
    data = f"GET {target} HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    assert served.send(data.encode()).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:{port}"]
)
def test_a_web_page(served: Served, upstream: Service, origin: str) -> None:
    name = origin.format(port=served.server.address.port)
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        got = served.ask(method, "/v1/models", origin=name, access_control_request_method="POST")
        assert got.status == 403
        assert not [header for header in got.headers if header.startswith("access-control")]
    assert served.ask("GET", "/v1/models", sec_fetch_site="cross-site").status == 403
    assert upstream.requests == []


def test_a_form_of_a_web_page_needs_no_preflight(served: Served, upstream: Service) -> None:
    """A "simple" request is sent without asking (Fetch, 3.2.1): it must do nothing."""
    body = json.dumps(ASKED).encode()
    got = served.ask(
        "POST", "/v1/chat/completions", body, "", content_type="text/plain", sec_fetch_site="same-site"
    )
    assert got.status == 403
    assert upstream.requests == []


def test_a_body_is_not_read_without_the_token(served: Served) -> None:
    data = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {served.authority}\r\ncontent-length: {MAX_BODY}\r\n\r\n"
    begun = time.monotonic()
    assert served.send(data.encode()).startswith(b"HTTP/1.1 401 ")
    assert time.monotonic() - begun < 5


def test_a_plugin_does_not_see_the_token(served: Served, upstream: Service, sandbox: Sandbox) -> None:
    """``TARKPM_*`` grants it by name, but the server's own token is no part of what can be granted."""
    images = served.server.service._providers.images  # type: ignore[attr-defined]
    interfaces = served.server.service._providers.host._interfaces(images["openai-compat"], print)  # type: ignore[attr-defined]
    env = interfaces["env"]
    assert env.call("get", ("TARKPM_SERVE_TOKEN",), 0) is None
    assert env.call("get", ("OPENAI_BASE_URL",), 0) == f"http://{upstream.authority}"


# -- a client that has the token


def test_a_body_without_end(served: Served, upstream: Service) -> None:
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {served.authority}\r\n"
        f"authorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with socket.create_connection(("127.0.0.1", served.server.address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range((MAX_BODY >> 20) + 1):
            connection.sendall(piece)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"] == "the request is too large"
    assert upstream.requests == []


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_deep_body(served: Served, opening: bytes) -> None:
    for body in (opening * 1_000_000, b'{"model":"m","messages":' + opening * 1_000_000):
        got = served.ask("POST", "/v1/chat/completions", body)
        assert (got.status, got.error["type"]) == (400, "invalid_request_error")
    assert served.chat(MODEL).status == 200


def test_an_integer_of_a_million_digits(served: Served) -> None:
    begun = time.monotonic()
    got = served.ask("POST", "/v1/chat/completions", b'{"n":' + b"9" * 1_000_000 + b"}")
    assert got.status == 400
    assert len(got.body) < 5_000
    assert time.monotonic() - begun < 5


def test_a_model_s_name_cannot_add_headers_or_log_lines(served: Served, upstream: Service) -> None:
    for model in (EVIL, f"openai-compat/{EVIL}", f"{EVIL}/x"):
        got = served.chat(model)
        assert (got.status, got.error["code"]) == (404, "model_not_found")
        assert got.error["message"].isprintable()
        assert got.body.isascii()
        assert "set-cookie" not in got.headers
    got = served.ask("GET", "/v1/models/openai-compat/a%0d%0aset-cookie:%20x=1")
    assert (got.status, "set-cookie" in got.headers) == (404, False)
    assert {path for _, path, _, _ in upstream.requests} == {"/v1/models"}
    assert all(note.isprintable() for note in served.ui.notes)


def test_a_wrong_name_again_and_again_asks_the_provider_once(served: Served, upstream: Service) -> None:
    for number in range(20):
        assert served.chat(f"openai-compat/none-{number}").status == 404
    assert len(upstream.requests) == 1


def test_a_parameter_s_name_is_repeated_only_in_the_body(served: Served) -> None:
    got = served.chat(MODEL, **{EVIL: 1, "temperature": 1})
    assert (got.status, got.error["code"]) == (400, "unsupported_parameter")
    assert not {"set-cookie", "x-tarkpm-ignored"} & got.headers.keys()


# -- a plugin


@pytest.mark.parametrize("stream", [False, True])
def test_a_plugin_s_text_cannot_end_an_event_or_a_response(sandbox: Sandbox, stream: bool) -> None:
    evil_provider(sandbox, {"text": EVIL + "data: [DONE]\n\n", "usage": None})
    with serving_openai(sandbox) as served:
        got = served.chat("evil/m", stream=stream)
    assert (got.status, "set-cookie" in got.headers) == (200, False)
    assert got.body.isascii()
    if stream:
        first, done = got.body.decode().split("\n\n")[:2]
        assert done == "data: [DONE]"
        text = json.loads(first.removeprefix("data: "))["choices"][0]["delta"]["content"]
    else:
        text = got.text
    assert text == EVIL + "data: [DONE]\n\n", "the text itself is the client's to judge"


def test_a_plugin_s_error_is_made_printable_and_cut(served: Served, upstream: Service) -> None:
    served.ask("GET", "/v1/models")
    upstream.fate = "broken" + EVIL * 500
    got = served.chat(MODEL)
    assert (got.status, got.error["code"]) == (502, "PluginFailed")
    assert got.error["message"].isprintable()
    assert 1_000 < len(got.error["message"]) < 20_000
    assert "set-cookie" not in got.headers


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "", "x" * 200])
def test_a_plugin_s_model_names_are_checked(sandbox: Sandbox, name: str) -> None:
    install(sandbox, "evil", "provider", older.listing_provider(b"{}", models=("fine", name)))
    with serving_openai(sandbox) as served:
        assert served.ask("GET", "/v1/models").json["data"] == []
        assert all(note.isprintable() for note in served.ui.notes)
        assert len(served.ui.notes) == 1


def test_a_plugin_cannot_take_over_another_s_models(sandbox: Sandbox) -> None:
    """A slash in a model's name does not make it another plugin's: names of plugins have none."""
    models = ("fine/m", "m")
    install(sandbox, "evil", "provider", older.listing_provider(b'{"text": "evil", "usage": null}', models))
    install(sandbox, "fine", "provider", older.listing_provider(b'{"text": "fine", "usage": null}'))
    with serving_openai(sandbox) as served:
        listed = [(model["id"], model["owned_by"]) for model in served.ask("GET", "/v1/models").json["data"]]
        assert listed == [("evil/fine/m", "evil"), ("evil/m", "evil"), ("fine/m", "fine")]
        assert [served.chat(name).text for name, _ in listed] == ["evil", "evil", "fine"]


def test_what_a_plugin_logs_is_the_log_s(sandbox: Sandbox, upstream: Service) -> None:
    """It reaches the terminal of the server's user, through the sink that makes it printable, not the client."""
    install(
        sandbox, "openai-compat", "provider", COMPAT, f'http = ["{upstream.authority}"]\nenv = ["OPENAI_*"]'
    )
    lines: list[LogLine] = []
    with serving_openai(sandbox, env={"OPENAI_BASE_URL": "http://127.0.0.1:9"}, logged=lines) as served:
        assert served.ask("GET", "/v1/models").json["data"] == []
    assert lines
    assert all(line.message.isprintable() for line in lines)
