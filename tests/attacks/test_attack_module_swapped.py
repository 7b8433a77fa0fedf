"""A pull request swaps a working tool plugin for a component that cannot be one: nothing is installed.

The swap is signed by the accepted key, so that only the check of the module stands in the way. Its aim is a
project that stops working for everyone who pulls, or a component of another type that is called as a tool.
"""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support import wat
from support.sandbox import WASM, Sandbox
from support.unchecked import unchecked

from attacks.tampering import call, install, unchanged
from tarkpm.ops.release import fetch

SWAPS = {
    "another type": (wat.hook(), "exports hook-plugin"),
    "nothing": (wat.EMPTY, "exports no tark plugin interface"),
    "another signature": (wat.wrong_signature(), "tark:plugin/tool-plugin execute: expected func("),
}


@pytest.fixture(params=list(SWAPS))
def swap(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    """A component that cannot be a tool plugin, and why."""
    return SWAPS[request.param]


def swapped_lock(lead: Sandbox, publisher: Publisher, version: str) -> None:
    """Have the attacker's own tarkpm, from which the check was removed, write the two documents."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "check_module", lambda *_, **__: None)
        install(lead, publisher, version)


def test_a_release_of_the_same_signer(
    tmp_path: Path, sandbox: Sandbox, publisher: Publisher, swap: tuple[bytes, str]
) -> None:
    wasm, why = swap
    publisher.release("1.0.0")
    with unchecked():  # the publisher's own tarkpm
        publisher.release("1.1.0", wasm=wasm)
    install(sandbox, publisher)
    attacker = Sandbox(tmp_path / "attacker")
    swapped_lock(attacker, publisher, "1.1.0")
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(attacker.cwd / name, sandbox.cwd / name)
    with unchanged(sandbox):
        for words in (("sync",), ("sync", "--accept-project"), ("sync", "--reinstall"), ("update",)):
            sandbox.run(*words).failed(1, why, "plugin.wasm")
    assert (sandbox.plugins / "text-tools" / "plugin.wasm").read_bytes() == WASM


def test_a_folder_of_the_project(sandbox: Sandbox, swap: tuple[bytes, str]) -> None:
    wasm, why = swap
    sandbox.init()
    folder = sandbox.plugin(sandbox.cwd / "tools" / "text-tools")
    sandbox.run("add", "./tools/text-tools", "--accept-capabilities").ok()
    (folder / "plugin.wasm").write_bytes(wasm)
    with unchanged(sandbox):
        for words in (("sync",), ("sync", "--reinstall"), ("update",)):
            sandbox.run(*words).failed(1, why, "plugin.wasm")
    call(sandbox).ok()


def test_the_manifest_says_the_type_of_the_swap(sandbox: Sandbox) -> None:
    """Then the module fits, and the lock says another type than the plugin.toml."""
    sandbox.init()
    folder = sandbox.plugin(sandbox.cwd / "tools" / "text-tools")
    sandbox.run("add", "./tools/text-tools", "--accept-capabilities").ok()
    (folder / "plugin.wasm").write_bytes(wat.hook())
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace('type = "tool"', 'type = "hook"'))
    with unchanged(sandbox):
        sandbox.run("sync").failed(1, "has type 'hook' in plugin.toml, but 'tool' in tark.lock")
    call(sandbox).ok()
