"""`tarkpm serve openai`: what a client of OpenAI's API gets from provider plugins."""

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import openai
import pytest
from support import older
from support.guest_flows import install
from support.sandbox import PLUGINS, Sandbox
from support.served import TOKEN, Served, serving_openai
from support.services import Chat, OAuth, Service, serving

from tarkpm.errors import CapabilityDenied, HostError, NotFound
from tarkpm.ops.run.openai_service import MAX_ANSWERS
from tarkpm.ops.run.providers import TokenLink

COMPAT = (PLUGINS / "openai-compat" / "plugin.wasm").read_bytes()
SIGN_IN = (PLUGINS / "device-auth" / "plugin.wasm").read_bytes()


def offer(sandbox: Sandbox, service: Service, name: str = "openai-compat") -> dict[str, str]:
    """Install the provider for a fake server; returns its environment."""
    wants = f'http = ["{service.authority}"]\nenv = ["OPENAI_*"]'
    install(sandbox, name, "provider", COMPAT, wants)
    return {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-123"}


@pytest.fixture
def upstream() -> Iterator[Service]:
    with serving(Chat) as service:
        yield service


@pytest.fixture
def served(sandbox: Sandbox, upstream: Service) -> Iterator[Served]:
    with serving_openai(sandbox, env=offer(sandbox, upstream)) as found:
        yield found


def test_models_and_completions(served: Served, upstream: Service) -> None:
    models = served.ask("GET", "/v1/models").json
    assert [model["id"] for model in models["data"]] == ["openai-compat/echo-1", "openai-compat/echo-2"]
    assert served.ask("GET", "/v1/models/openai-compat/echo-2").json == models["data"][1]
    assert served.ask("GET", "/v1/models/openai-compat%2Fecho-2").json == models["data"][1]
    turns = [{"role": role, "content": role[0]} for role in ("system", "user", "assistant", "tool")]
    got = served.chat("openai-compat/echo-2", *turns, temperature=0.5)
    assert got.text == "echo-2: system=s | user=u | assistant=a | tool=t"
    assert got.json["usage"] == {"prompt_tokens": 4, "completion_tokens": 7, "total_tokens": 11}
    assert got.headers["x-tarkpm-ignored"] == "temperature"
    assert got.json["model"] == "openai-compat/echo-2"
    assert upstream.requests[-1][2]["authorization"] == "Bearer k-123", "the provider's key, not the client's"
    assert [path for _, path, _, _ in upstream.requests] == ["/v1/models", "/v1/chat/completions"]


def test_the_official_client(served: Served) -> None:
    with closing(openai.OpenAI(base_url=served.url, api_key=TOKEN, max_retries=0)) as client:
        assert [model.id for model in client.models.list()] == [
            "openai-compat/echo-1",
            "openai-compat/echo-2",
        ]
        assert client.models.retrieve("openai-compat/echo-1").owned_by == "openai-compat"
        said = client.chat.completions.create(
            model="openai-compat/echo-1", messages=[{"role": "user", "content": "grüß"}], stop="üß"
        )
        assert said.choices[0].message.content == "echo-1: user=gr"
        assert said.usage is not None
        assert said.usage.total_tokens == 8
        chunks = list(
            client.chat.completions.create(
                model="openai-compat/echo-1",
                messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert [choice.delta.content for chunk in chunks for choice in chunk.choices] == ["echo-1: user=hi"]
        assert chunks[-1].usage is not None
        with pytest.raises(openai.NotFoundError, match="did you mean 'openai-compat/echo-1'") as unknown:
            client.models.retrieve("openai-compat/ehco-1")
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError, match="only text") as refused:
            client.chat.completions.create(
                model="openai-compat/echo-1",
                messages=[{"role": "user", "content": "hi"}],
                tools=[{"type": "function", "function": {"name": "f"}}],
            )
        assert refused.value.param == "tools"
    with (
        closing(openai.OpenAI(base_url=served.url, api_key="wrong", max_retries=0)) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("openai-compat/ehco-2", "openai-compat/echo-2"),
        ("openai-compatt/echo-1", "openai-compat/echo-1"),
        ("echo-1", "openai-compat/echo-1"),
        ("something-else", ""),
    ],
)
def test_an_unknown_model_has_the_nearest_name(served: Served, model: str, near: str) -> None:
    got = served.chat(model)
    meant = f"; did you mean '{near}'?" if near else ""
    assert (got.status, got.error["message"]) == (404, f"there is no model '{model}'{meant}")
    assert (got.error["code"], got.error["param"]) == ("model_not_found", "model")


def test_paths_and_methods(served: Served) -> None:
    assert served.ask("GET", "/v1/nothing").error["code"] == "unknown_url"
    assert served.ask("GET", "/v1/chat/completions").status == 405
    assert served.ask("POST", "/v1/models", {}).status == 405
    assert served.ask("GET", "/v1/models?limit=1").status == 200


def test_a_failing_server_of_the_provider_is_a_bad_gateway(served: Served, upstream: Service) -> None:
    served.ask("GET", "/v1/models")
    upstream.fate = "broken"
    got = served.chat("openai-compat/echo-1")
    assert (got.status, got.error["type"], got.error["code"]) == (502, "server_error", "PluginFailed")
    assert got.error["message"].startswith("openai-compat: the plugin could not answer: HTTP 500: ")
    upstream.fate = "success"
    assert served.chat("openai-compat/echo-1").text == "echo-1: user=hello"


def test_a_plugin_without_its_host_names_the_grant(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream)
    sandbox.run("revoke", "openai-compat", f"http:{upstream.authority}").ok()
    command = f"tarkpm grant openai-compat http:{upstream.authority}"
    with serving_openai(sandbox, env=env) as served:
        got = served.chat("openai-compat/echo-1")
        assert (got.status, got.error["message"].rpartition("; ")[2]) == (502, command)
        assert served.ask("GET", "/v1/models").json["data"] == []
        assert any(note.endswith(f"; run: {command}") for note in served.ui.notes), served.ui.notes


def test_a_plugin_that_crashes_does_not_end_the_server(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream)
    install(sandbox, "crashing", "provider", older.listing_provider(b"{}", crashes=True))
    install(sandbox, "fine", "provider", older.listing_provider(b'{"text": "a", "usage": null}'))
    with serving_openai(sandbox, env=env) as served:
        for _ in range(2):
            got = served.chat("crashing/m")
            assert (got.status, got.error["code"]) == (502, "PluginCrashed")
            assert served.chat("fine/m").text == "a"
        assert "usage" not in served.chat("fine/m").json
        models = [model["id"] for model in served.ask("GET", "/v1/models").json["data"]]
        assert models == ["crashing/m", "fine/m", "openai-compat/echo-1", "openai-compat/echo-2"]


def test_a_plugin_that_cannot_list_its_models_hides_no_other(sandbox: Sandbox) -> None:
    install(sandbox, "mute", "provider", older.provider(b'{"text": "a", "usage": null}'))
    install(sandbox, "fine", "provider", older.listing_provider(b'{"text": "a", "usage": null}'))
    with serving_openai(sandbox) as served:
        assert [model["id"] for model in served.ask("GET", "/v1/models").json["data"]] == ["fine/m"]
        assert served.ui.notes == [
            "mute does not list its models: the plugin does not export provider_models"
        ]


def test_a_plugin_that_lists_nothing_is_asked_for_any_model(sandbox: Sandbox) -> None:
    install(sandbox, "any", "provider", older.listing_provider(b'{"text": "a", "usage": null}', models=()))
    with serving_openai(sandbox) as served:
        assert served.ask("GET", "/v1/models").json["data"] == []
        assert served.chat("any/what/ever").text == "a"


def test_requests_beyond_the_limit_are_told_to_come_back(served: Served, upstream: Service) -> None:
    served.ask("GET", "/v1/models")
    upstream.fate = "silent"
    threads = [
        threading.Thread(target=served.chat, args=("openai-compat/echo-1",)) for _ in range(MAX_ANSWERS)
    ]
    for thread in threads:
        thread.start()
    # Not by asking: a request of this test could have the place of a thread, which would not come again.
    running = served.server.service._running  # type: ignore[attr-defined]
    until(lambda: running._value == 0)
    got = served.ask("GET", "/v1/models")
    assert (got.status, got.error["type"]) == (429, "rate_limit_error")
    assert got.headers["retry-after"] == "1"
    upstream.fate = "success"
    upstream.ended.set()
    for thread in threads:
        thread.join()
    assert served.chat("openai-compat/echo-1").status == 200


def test_a_token_of_an_auth_plugin(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream)
    link = TokenLink("openai-compat", "OPENAI_API_KEY", "device-auth")
    with serving(OAuth) as oauth:
        install(
            sandbox,
            "device-auth",
            "auth",
            SIGN_IN,
            f'http = ["{oauth.authority}"]\nenv = ["DEVICE_AUTH_*"]',
        )
        env |= {"DEVICE_AUTH_URL": f"http://{oauth.authority}", "DEVICE_AUTH_CLIENT_ID": "me"}
        with serving_openai(sandbox, env=env, links=[link]) as served:
            got = served.chat("openai-compat/echo-1")
            assert got.status == 502
            assert got.error["message"].endswith("; tarkpm auth login device-auth")
            assert upstream.requests == []
            sandbox.run("auth", "login", "device-auth", env=env).ok()
            assert served.chat("openai-compat/echo-1").text == "echo-1: user=hello"
    keys = {headers["authorization"] for _, _, headers, _ in upstream.requests}
    assert keys == {"Bearer s3cret-token"}, "instead of the variable of the environment"


def test_links_that_cannot_work_are_errors_at_the_start(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream)
    install(sandbox, "device-auth", "auth", SIGN_IN)
    for link, kind, message in (
        (TokenLink("compat", "OPENAI_API_KEY", "device-auth"), NotFound, "no enabled provider plugin"),
        (TokenLink("openai-compat", "HOME", "device-auth"), CapabilityDenied, "env:HOME is not granted"),
        (TokenLink("openai-compat", "OPENAI_API_KEY", "nothing"), NotFound, "no plugin named 'nothing'"),
        (TokenLink("openai-compat", "OPENAI_API_KEY", "openai-compat"), HostError, "is of type 'provider'"),
    ):
        with pytest.raises(kind, match=message), serving_openai(sandbox, env=env, links=[link]):
            pass
    result = sandbox.run("serve", "openai", "--auth", "openai-compat=device-auth", env=env)
    result.failed(2, "expected PROVIDER:VARIABLE=PLUGIN, found 'openai-compat=device-auth'")


def test_without_a_provider_there_is_nothing_to_serve(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.run("serve", "openai").failed(2, "no provider plugin is installed and enabled", "tarkpm list")
    sandbox.run("serve", "openai", "0.0.0.0:80").failed(2, "expected an address of this machine")
    sandbox.run("serve", "openai", env={"TARKPM_SERVE_TOKEN": ""}).failed(2, "TARKPM_SERVE_TOKEN")
    short = sandbox.run("serve", "openai", env={"TARKPM_SERVE_TOKEN": "abc"})
    short.failed(2, "expected 16 to 256 characters, found 3", "unset TARKPM_SERVE_TOKEN")


def test_a_disabled_plugin_is_not_offered(sandbox: Sandbox) -> None:
    install(sandbox, "fine", "provider", older.listing_provider(b'{"text": "a", "usage": null}'))
    sandbox.run("disable", "fine").ok()
    sandbox.run("serve", "openai").failed(2, "no provider plugin is installed and enabled")


def test_the_command_shows_a_new_token_once_and_ends_at_ctrl_c(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream)
    upstream.fate = "silent"
    process = sandbox.spawn("serve", "openai", env=env)
    assert process.stdout
    assert process.stderr
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/v1\n", process.stdout.readline())
    assert found
    token = process.stderr.readline().removeprefix("token: ").strip()
    assert len(token) == 43
    with closing(openai.OpenAI(base_url=found[0].strip(), api_key=token, max_retries=0)) as client:
        assert len(list(client.models.list())) == 2
        waiting = threading.Thread(target=_ask, args=(client,))
        waiting.start()
        until(lambda: any(path.endswith("/completions") for _, path, _, _ in upstream.requests))
        workers = children(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
        waiting.join()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert token not in err
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, ten seconds at most."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def children(process: int) -> list[int]:
    """The processes that a process started, and theirs; none where there is no /proc."""
    file = Path(f"/proc/{process}/task/{process}/children")
    found = [int(word) for word in file.read_text().split()] if file.exists() else []
    return [*found, *(grandchild for child in found for grandchild in children(child))]


def _ask(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        client.chat.completions.create(
            model="openai-compat/echo-1", messages=[{"role": "user", "content": "x"}]
        )


def test_a_given_token_is_not_shown(sandbox: Sandbox, upstream: Service) -> None:
    env = offer(sandbox, upstream) | {"TARKPM_SERVE_TOKEN": TOKEN}
    process = sandbox.spawn("serve", "openai", "--json", env=env)
    try:
        assert process.stdout
        document = "".join(iter(process.stdout.readline, "}\n"))
        assert '"providers": [\n    "openai-compat"\n  ]' in document
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
    assert TOKEN not in err
