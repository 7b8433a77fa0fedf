"""Plugins in JavaScript, as their authors build them with componentize-qjs, through the whole product."""

import time

import pytest
from support import guest_flows, guests
from support.sandbox import Sandbox


@pytest.fixture
def user(sandbox: Sandbox) -> Sandbox:
    """A user who has what other tests compiled."""
    guests.share_compiled(sandbox)
    return sandbox


def test_a_tool_plugin_counts_and_saves(user: Sandbox) -> None:
    guest_flows.counts_and_saves(user, guests.build_js("tool"))


def test_an_auth_plugin_signs_in_and_out(user: Sandbox) -> None:
    guest_flows.signs_in_and_out(user, guests.build_js("auth"))


def test_a_provider_plugin_chats(user: Sandbox) -> None:
    guest_flows.chats(user, guests.build_js("provider"))


def test_check_refuses_a_plugin_whose_export_is_misspelt(user: Sandbox) -> None:
    folder = guests.write_plugin(user.cwd / "mine", "mine", "tool", guests.build_js("misspelt"))
    (folder / "plugin.toml").write_text(
        (folder / "plugin.toml").read_text().replace('1.0.0"', '1.0.0"\nlicense = "MIT"')
    )
    said = user.run("check", folder).failed(1, "error: the source does not export 'toolPlugin'\n")
    assert "help: export const toolPlugin = { … }, then: tarkpm build\n" in said.out


def test_what_wasi_was_not_given_fails_in_javascripts_own_terms(user: Sandbox) -> None:
    with guest_flows.at_the_edge(user, guests.build_js("edge")) as edge:
        assert edge.fails("console") == "ReferenceError: console is not defined"
        assert edge.fails("evaluate") == "ReferenceError: fetch is not defined"
        assert edge.fails("process") == "ReferenceError: process is not defined"
        assert edge.fails("folders") == "Error: no folder was given"
        assert edge.fails("names") == "permanent-resolver-failure"
        assert edge.fails("connect", port=edge.door.port) == "access-denied"
        assert edge.fails("bind") == "access-denied"
        assert edge.gets("environment") == [[], [], None]


def test_clocks_and_randomness_work(user: Sandbox) -> None:
    with guest_flows.at_the_edge(user, guests.build_js("edge")) as edge:
        edge.has_clocks_and_randomness()
        wasi, tark = edge.gets("time")
        assert abs(wasi - time.time() * 1000) < 60_000
        assert abs(wasi - tark) < 1_000


def test_an_exception_ends_the_call_with_its_message(user: Sandbox) -> None:
    folder = guests.write_plugin(user.cwd / "edge", "edge", "tool", guests.build_js("edge"))
    error = user.run("call", folder, "raise", "{}", "--json").json["error"]
    assert (error["code"], error["exception"]) == ("PluginRaised", "bad text")
    assert "at execute (/edge.js:" in error["traceback"]
