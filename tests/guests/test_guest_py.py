"""Plugins in Python, 18 MB each with their interpreter, as componentize-py builds them."""

import re
import time

import pytest
from support import guest_flows, guests
from support.sandbox import Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture
def user(sandbox: Sandbox) -> Sandbox:
    """A user who has what other tests compiled."""
    guests.share_compiled(sandbox)
    return sandbox


def build_edge() -> bytes:
    return guests.build_py("edge", world="tool-world")


def test_a_tool_plugin_counts_and_saves(user: Sandbox) -> None:
    guest_flows.counts_and_saves(user, guests.build_py("tool"))


def test_an_auth_plugin_signs_in_and_out(user: Sandbox) -> None:
    guest_flows.signs_in_and_out(user, guests.build_py("auth"))


def test_a_provider_plugin_chats(user: Sandbox) -> None:
    guest_flows.chats(user, guests.build_py("provider"))


def test_what_wasi_was_not_given_fails_in_pythons_own_terms(user: Sandbox) -> None:
    secret = user.home / "secret.txt"
    secret.write_text("s3cret")
    with guest_flows.at_the_edge(user, build_edge()) as edge:
        for attempt, arguments, error in (
            ("read", {"path": str(secret)}, "FileNotFoundError: .*secret.txt"),
            ("write", {"path": str(user.home / "new.txt")}, "FileNotFoundError: .*new.txt"),
            ("list", {}, "FileNotFoundError: .*'/'"),
            ("connect", {"port": edge.door.port}, "PermissionError: "),
            ("bind", {}, "PermissionError: "),
            ("names", {}, "gaierror: "),
            ("run", {}, "OSError: .*wasi does not support processes"),
            ("thread", {}, "RuntimeError: can't start new thread"),
        ):
            assert re.match(error, edge.fails(attempt, **arguments)), attempt
        assert edge.gets("environment") == [{}, []]
        assert edge.gets("input") == ""
    assert not (user.home / "new.txt").exists()


def test_what_it_prints_is_shown_to_its_author(user: Sandbox) -> None:
    folder = guests.write_plugin(user.cwd / "edge", "edge", "tool", build_edge())
    result = user.execute("call", folder, "print", "{}").ok()
    assert (result.out, result.err) == ("null\n", "")
    result = user.execute("call", "-v", folder, "print", "{}").ok()
    assert result.out == "null\n"
    assert result.err == "[edge] stdout: to standard output\n[edge] stderr: to standard error\n"


def test_an_exception_ends_the_call_with_its_message(user: Sandbox) -> None:
    folder = guests.write_plugin(user.cwd / "edge", "edge", "tool", build_edge())
    error = user.execute("call", folder, "raise", "{}", "--json").json["error"]
    assert (error["code"], error["exception"]) == ("PluginRaised", "ValueError: bad text")
    assert re.fullmatch(
        r'Traceback \(most recent call last\):\n  File "edge.py", line \d+, in execute\nValueError: bad text',
        error["traceback"],
    )


def test_clocks_and_randomness_work(user: Sandbox) -> None:
    with guest_flows.at_the_edge(user, build_edge()) as edge:
        edge.has_clocks_and_randomness()
        assert abs(edge.gets("time") - time.time()) < 60
        assert edge.gets("dice") != edge.gets("dice")


def test_randomness_is_not_part_of_the_built_component(user: Sandbox) -> None:
    folder = guests.write_plugin(user.cwd / "edge", "edge", "tool", build_edge())
    runs = [user.run("call", folder, "dice", "{}").ok().json for _ in range(2)]
    assert runs[0][0] != runs[1][0]
