"""A module that cannot run as what its manifest says is not taken by any verb, and is a finding where it is."""

import pytest
from conftest import Publisher
from support import wat
from support.community import Community
from support.sandbox import WASM, Sandbox
from support.unchecked import unchecked

from tarkpm.host.module import fit

MISFITS = {
    "empty": (wat.EMPTY, "exports no tark plugin interface"),
    "another world": (wat.wrong_world(), "exports no tark plugin interface"),
    "another type": (wat.hook(), "exports hook-plugin"),
    "another signature": (wat.wrong_signature(), "export tark:plugin/tool-plugin execute: expected func("),
    "async": (
        wat.async_tool(),
        "tark:plugin/tool-plugin execute is an async func, which tark does not support",
    ),
    "WASI 0.3": (wat.wasi_03(), "of WASI 0.3, which this wasmtime cannot provide; build it for WASI 0.2"),
    "a core module": (wat.core_module(), "is a core module"),
}


@pytest.fixture(params=list(MISFITS))
def misfit(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    """A module that cannot run as a tool plugin, and why."""
    return MISFITS[request.param]


@pytest.fixture(params=["another type", "async"])
def one_of_two(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    """One that differs by name and one that differs by type, where each case takes a second."""
    return MISFITS[request.param]


def test_a_working_copy_is_refused(sandbox: Sandbox, misfit: tuple[bytes, str]) -> None:
    wasm, why = misfit
    sandbox.init()
    folder = sandbox.plugin(sandbox.root / "x", wasm=wasm)
    before = (sandbox.cwd / "tark.toml").read_bytes()
    refused = sandbox.run("add", folder, "--accept-capabilities")
    refused.failed(1, why, f"help: tarkpm inspect {folder}/plugin.wasm")
    assert (sandbox.cwd / "tark.toml").read_bytes() == before
    assert not sandbox.plugins.exists()
    sandbox.run("call", folder, "echo", "{}").failed(1, why)


def test_it_is_not_published(sandbox: Sandbox, one_of_two: tuple[bytes, str]) -> None:
    wasm, why = one_of_two
    folder = sandbox.plugin(sandbox.root / "x", wasm=wasm)
    refused = sandbox.run("publish", folder, "--to", sandbox.root / "out")
    refused.failed(1, why, f"help: tarkpm inspect {folder}/plugin.wasm")
    assert not (sandbox.root / "out").exists()


def test_it_is_not_signed(sandbox: Sandbox, one_of_two: tuple[bytes, str]) -> None:
    wasm, why = one_of_two
    sandbox.key()
    folder = sandbox.plugin(sandbox.root / "x", wasm=wasm)
    sandbox.run("sign", folder, "--key", "release").failed(
        1, why, f"help: tarkpm inspect {folder}/plugin.wasm"
    )
    assert not (folder / "plugin.dsse.json").exists()


def test_a_deep_check_of_an_index_finds_it(sandbox: Sandbox) -> None:
    wasm, why = MISFITS["async"]
    community = Community(sandbox)
    community.claim()
    with unchecked():
        community.run("accept", community.release("1.0.0", wasm=wasm)).ok()
    community.run("check").ok()
    community.run("check", "--deep").failed(1, why, "help: yank it: tarkpm index yank --help")
    community.run("yank", "text-tools@1.0.0", "--reason", "it cannot run").ok()
    community.run("check", "--deep").ok()


def test_a_working_copy_that_stops_to_fit_is_not_installed(
    sandbox: Sandbox, one_of_two: tuple[bytes, str]
) -> None:
    wasm, why = one_of_two
    sandbox.init()
    folder = sandbox.plugin(sandbox.cwd / "x")
    sandbox.run("add", "./x", "--accept-capabilities").ok()
    (folder / "plugin.wasm").write_bytes(wasm)
    for verb in ("sync", "update"):
        sandbox.run(verb).failed(1, why, f"help: tarkpm inspect {folder}/plugin.wasm")
    assert (sandbox.plugins / "text-tools" / "plugin.wasm").read_bytes() == WASM
    sandbox.run("verify").ok()
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    (folder / "plugin.wasm").write_bytes(WASM)
    sandbox.run("sync").ok()


def test_what_was_installed_before_is_found_by_verify(
    sandbox: Sandbox, one_of_two: tuple[bytes, str]
) -> None:
    wasm, why = one_of_two
    sandbox.init()
    with unchecked():
        sandbox.run("add", sandbox.plugin(sandbox.root / "x", wasm=wasm), "--accept-capabilities").ok()
    found = sandbox.run("verify").failed(1, why)
    module = sandbox.plugins / "text-tools" / "plugin.wasm"
    assert f"help: tarkpm inspect {module}" in found.err + found.out
    (finding,) = (one for one in sandbox.run("verify", "--json").json["findings"] if not one["note"])
    assert (finding["code"], finding["plugin"], finding["where"]) == (
        "ModuleInvalid",
        "text-tools",
        str(module),
    )
    sandbox.run("call", "text-tools", "echo", "{}").failed(1, why[:30])


def test_an_update_from_git_that_cannot_run_changes_nothing(
    sandbox: Sandbox, publisher: Publisher, one_of_two: tuple[bytes, str]
) -> None:
    wasm, why = one_of_two
    sandbox.init()
    publisher.release("1.0.0")
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    before = [(sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")]
    with unchecked():
        publisher.release("1.1.0", wasm=wasm)
    for words in (("update",), ("update", "--dry-run")):
        sandbox.run(*words).failed(1, why, "plugin.wasm")
    assert [(sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")] == before
    sandbox.run("verify").ok()
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()


def test_an_index_does_not_list_it(sandbox: Sandbox, one_of_two: tuple[bytes, str]) -> None:
    wasm, why = one_of_two
    community = Community(sandbox)
    community.claim()
    with unchecked():
        release = community.release("1.0.0", wasm=wasm)
    community.run("accept", release).failed(1, why)
    community.run("accept", release, "--dry-run").failed(1, why)


def test_a_folder_placed_by_hand_is_not_asked_about(sandbox: Sandbox, one_of_two: tuple[bytes, str]) -> None:
    wasm, why = one_of_two
    sandbox.init()
    sandbox.run("add", sandbox.plugin(sandbox.root / "x"), "--accept-capabilities").ok()
    folder = sandbox.plugin(sandbox.plugins / "by-hand", name="by-hand", wasm=wasm)
    refused = sandbox.run("call", "by-hand", "echo", "{}", "--accept-unmanaged", "by-hand")
    refused.failed(1, why, f"help: tarkpm inspect {folder}/plugin.wasm")
    assert "UNSIGNED" not in refused.out + refused.err


def test_the_same_bytes_are_read_once(
    sandbox: Sandbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.init()
    publisher.release("1.0.0")
    read: list[bytes] = []
    original = fit.misfit

    def counted(wasm: bytes, *more: object, **options: object) -> str | None:
        read.append(wasm)
        return original(wasm, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fit, "misfit", counted)
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    assert read == [WASM, WASM]  # when it is fetched, and by the worker that defines its tools
    read.clear()
    sandbox.run("sync").ok()
    sandbox.run("sync", "--reinstall").ok()
    assert read == []
    folder = sandbox.plugin(sandbox.root / "x", name="other")
    sandbox.run("add", folder, "--accept-capabilities").ok()
    sandbox.run("sync").ok()
    assert len(read) == 1
