"""The compile cache as people have it: filled at add and sync, never believed, never needed."""

import shutil
from pathlib import Path

import pytest
from support import wat
from support.sandbox import Sandbox
from support.terminal import Terminal

from tarkpm.ops.run import compile_installed

PADDING = b"\0\x83\x80\xc0\x00\x01x" + bytes((1 << 20) + 1)  # a custom section that makes any module big


def kept(sandbox: Sandbox) -> list[Path]:
    return sorted((sandbox.store / "compiled").rglob("*.compiled"))


def echo(sandbox: Sandbox, name: str) -> str:
    return sandbox.run("call", name, "echo", '{"text":"on"}').ok().out


@pytest.fixture
def user(sandbox: Sandbox) -> Sandbox:
    """Somebody with two big plugins and a small one, beside their project."""
    for name, wasm in (("big", wat.hostile_tool() + PADDING), ("huge", wat.hostile_tool() + PADDING * 2)):
        sandbox.plugin(sandbox.cwd / "src" / name, name=name, wasm=wasm)
    sandbox.plugin(sandbox.cwd / "src" / "small", name="small", wasm=wat.hostile_tool())
    sandbox.init()
    return sandbox


def add(user: Sandbox) -> None:
    user.run("add", "./src/big", "./src/huge", "./src/small", "--accept-capabilities").ok()


def test_add_and_sync_compile_what_is_big_and_the_first_call_what_is_small(user: Sandbox) -> None:
    add(user)
    assert len(kept(user)) == 2
    assert echo(user, "small") == '{"text":"on"}\n'
    assert len(kept(user)) == 3
    shutil.rmtree(user.store / "compiled")
    shutil.rmtree(user.cwd / ".tark")
    user.run("sync").ok()
    assert len(kept(user)) == 2


def test_what_was_compiled_is_not_even_read(user: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    add(user)
    before = kept(user)
    shutil.rmtree(user.cwd / ".tark")
    monkeypatch.setattr(compile_installed, "load_image", None)
    user.run("sync").ok()
    assert kept(user) == before


def test_a_person_sees_that_it_compiles(user: Sandbox) -> None:
    with Terminal(user, "add", "./src/big", "./src/huge", "--accept-capabilities", "-y") as terminal:
        terminal.expect("compiling big")
        terminal.expect("compiling 2 of 2")
        assert terminal.finish().status == 0


def test_what_does_not_fit_is_not_compiled(user: Sandbox) -> None:
    bad = user.plugin(user.cwd / "bad", name="bad", wasm=wat.wrong_signature() + PADDING)
    user.run("add", "./bad", "./src/big", "--accept-capabilities").failed(1, "execute: expected func(")
    assert kept(user) == []
    user.run("call", bad, "echo", "{}").failed(1, "execute: expected func(")


def test_it_is_only_a_cache(user: Sandbox) -> None:
    add(user)
    shutil.rmtree(user.store)
    assert echo(user, "big") == '{"text":"on"}\n'


@pytest.mark.parametrize("attack", ["poisoned", "swapped", "half written", "another key", "stale"])
def test_what_was_put_there_is_never_run(user: Sandbox, attack: str) -> None:
    add(user)
    first, second = kept(user)
    before = first.read_bytes()
    match attack:
        case "poisoned":
            data = bytearray(before)
            data[len(data) // 2] ^= 1
            first.write_bytes(data)
        case "swapped":
            first.write_bytes(second.read_bytes())
        case "half written":
            first.write_bytes(before[: len(before) // 2])
        case "another key":
            mate = Sandbox(user.root / "mate")
            mate.run("inspect", user.cwd / "src" / "big" / "plugin.wasm").ok()
            mate.run("inspect", user.cwd / "src" / "huge" / "plugin.wasm").ok()
            first.write_bytes(kept(mate)[0].read_bytes())
        case "stale":  # made for another wasmtime, and put where this one's is looked for
            first.write_bytes(before.replace(b"50.0.1", b"49.0.1"))
    for name in ("big", "huge"):
        assert echo(user, name) == '{"text":"on"}\n'
    again = first.read_bytes()
    assert len(again) == len(before)
    assert again[40:] == before[40:] or attack == "stale"
