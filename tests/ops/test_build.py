"""``tarkpm build``: C here in full; what the other languages need is in tests/toolchains."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import wasmtime
from support.core_modules import module
from support.sandbox import PLUGINS, Sandbox

from tarkpm.toolchains.programs import install_from_pypi

SOURCE = (PLUGINS / "text-tools" / "plugin.c").read_text()
PYTHON_OF_PLUGINS = "tarkpm.ops.author.python_source.PYTHON"
"""A newer one than this means that its syntax errors are only noted."""


def plugin(sandbox: Sandbox, source: str = SOURCE, more: str = "", kind: str = "tool") -> Path:
    folder = sandbox.cwd / "mine"
    folder.mkdir()
    (folder / "plugin.c").write_text(source)
    (folder / "plugin.toml").write_text(
        f'[plugin]\nname = "mine"\nversion = "0.1.0"\ntype = "{kind}"\n[capabilities]\nstorage = true\n{more}'
    )
    return folder


def test_c_is_built_once_and_runs(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    first = sandbox.run("build", cwd=folder).ok()
    assert first.out.startswith("built plugin.wasm with ziglang 0.17.1: 9,0")
    assert first.out.endswith(" bytes, reproducible\n")
    assert (
        sandbox.run("call", ".", "text-stats", '{"text":"a b"}', cwd=folder).ok().out
        == '{"chars":3,"words":2,"lines":1}\n'
    )
    assert sandbox.run("build", folder).ok().out == "plugin.wasm is up to date\n"
    module = (folder / "plugin.wasm").read_bytes()
    (folder / "plugin.wasm").unlink()
    report = sandbox.run("build", folder, "--json").ok().json
    assert (folder / "plugin.wasm").read_bytes() == module
    assert report == {
        "path": str(folder / "plugin.wasm"), "size": len(module), "sha256": report["sha256"], "language": "C",
        "toolchain": "ziglang", "version": "0.17.1", "reproducible": True, "built": True, "notes": [],
        "compared": False,
    }  # fmt: skip


def test_two_builds_are_compared(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    command = ("build", folder, "--check-reproducible")
    assert sandbox.run(*command).ok().out.endswith("bytes, reproducible: two builds gave the same bytes\n")
    assert sandbox.run(*command, "--json").ok().json["compared"] is True  # although nothing changed
    before = (folder / "plugin.wasm").read_bytes()
    source = SOURCE.replace('S("unknown tool: ")', "S(__TIME__)")
    (folder / "plugin.c").write_text(f'#pragma clang diagnostic ignored "-Wdate-time"\n{source}')
    sandbox.run(*command).failed(
        1,
        "the build is not reproducible: two builds of ",
        " differ from byte ",
        "help: look for the time, paths",
    )
    assert (folder / "plugin.wasm").read_bytes() == before


def test_what_is_built_again(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    sandbox.run("build", folder).ok()
    for file, text, rebuilt in (
        ("plugin.c", SOURCE + "\n", True),
        ("more.h", "", True),
        ("plugin.wasm", "edited", True),
        ("README.md", "words", False),
        (".hidden", "", False),
        ("tests/case.toml", "", False),
        ("out/mine-0.1.0/plugin.toml", "", False),
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
        assert sandbox.run("build", folder, "--json").ok().json["built"] is rebuilt, file


def test_a_module_older_than_its_source_is_neither_signed_nor_published(sandbox: Sandbox) -> None:
    sandbox.key()
    folder = plugin(sandbox)
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace('type = "tool"', 'type = "tool"\nlicense = "MIT"'))
    (folder / "tests").mkdir()
    (folder / "tests" / "one.toml").write_text(
        'call = "text-stats"\narguments = { text = "a" }\n[expect]\ncontains = { words = 1 }\n'
    )
    commands = (("sign", ".", "--key", "release"), ("publish", ".", "--to", "../out"))
    sandbox.run("build", cwd=folder).ok()
    for command in commands:
        sandbox.run(*command, cwd=folder).ok()
    (folder / "plugin.c").write_text(SOURCE + "\n// edited\n")
    words = "plugin.c is newer than the plugin.wasm that was built"
    for command in commands:
        sandbox.run(*command, cwd=folder).failed(1, f"error: {words}\n", "help: tarkpm build\n")
    assert f"warning: {words}\n" in sandbox.run("check", cwd=folder).ok().out
    assert f"{words}: tarkpm build\n" in sandbox.run("test", cwd=folder).ok().err
    sandbox.run("build", cwd=folder).ok()
    assert words not in sandbox.run("check", cwd=folder).ok().out
    (folder / "plugin.c").write_text(SOURCE)
    (folder / "plugin.wasm").write_bytes((PLUGINS / "text-tools" / "plugin.wasm").read_bytes() + b"\0\2\1a")
    assert words not in sandbox.run("check", cwd=folder).out  # not the one that was built here


def test_a_compilers_words_are_shown_with_the_authors_paths(sandbox: Sandbox) -> None:
    folder = plugin(sandbox, SOURCE + "int f(void) { return shout; }\n")
    (folder / "plugin.wasm").write_text("before")
    result = sandbox.run("build", cwd=folder).failed(
        1, "error: 'zig' failed\n", "    | plugin.c:68:22: error: use of undeclared identifier 'shout'"
    )
    assert f"where: {folder}/plugin.c\n    | plugin.c" in result.err
    assert "help: fix the source; there is no libc, only what tark.h has: tarkpm wit --c\n" in result.err
    assert "/tmp/" not in result.err.replace(str(folder), "")
    assert (folder / "plugin.wasm").read_text() == "before"


@pytest.mark.parametrize(
    ("source", "kind", "texts"),
    [
        ("#define TARK_TOOL\n#include <stdio.h>\n", "tool", ("stdio.h", "there is no libc")),
        (SOURCE, "hook", ("does not export 'tark:plugin/hook-plugin#events'", "help: define the macro of the plugin's type")),
        (SOURCE, "channel", ("there are no components of type 'channel', only",)),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do_differently(
    sandbox: Sandbox, source: str, kind: str, texts: tuple[str, ...]
) -> None:
    folder = plugin(sandbox, source, kind=kind)
    sandbox.run("build", folder).failed(1, *texts)
    assert not (folder / "plugin.wasm").exists()


def test_calls_that_are_not_declared_are_noted(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace("storage = true", "storage = false"))
    (folder / "plugin.dsse.json").write_text("{}")
    result = sandbox.run("build", folder).ok()
    assert "it uses what plugin.toml does not declare, so these calls are refused: 'storage'" in result.err
    assert "plugin.dsse.json is of an earlier build: sign it again with tarkpm sign" in result.err


@pytest.mark.parametrize(
    ("more", "remove", "texts"),
    [
        ("", True, ("expected a source: 'plugin.c' or 'plugin.js' or 'plugin.py' or 'plugin.rs' or 'Cargo.toml'", """help: printf '[build]\\nsource = "SOURCE"\\n' >> plugin.toml""")),
        ('[build]\nsource = "other.c"\n', False, ("there is no file 'other.c'", "plugin.toml: build.source")),
        ('[build]\nsource = "../plugin.c"\n', False, ("expected a file inside the folder",)),
        ('[build]\nsource = "plugin.toml"\n', False, ("expected a name that ends in .c, .js",)),
        ('[build]\nsorce = "plugin.c"\n', False, ("'sorce' is not a known key; did you mean 'source'?", "plugin.toml: build.sorce")),
        ('[build]\nsource = "plugin.c"\ntoolchain = "gcc"\n', False, ("expected 'ziglang', found 'gcc'",)),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_followed(
    sandbox: Sandbox, more: str, remove: bool, texts: tuple[str, ...]
) -> None:
    folder = plugin(sandbox, more=more)
    if remove:
        (folder / "plugin.c").unlink()
    sandbox.run("build", folder).failed(2, *texts)


def test_two_usual_sources_need_a_word(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.rs").write_text("")
    sandbox.run("build", folder).failed(2, "expected one source, found 'plugin.c' or 'plugin.rs'")
    (folder / "plugin.toml").write_text(
        (folder / "plugin.toml").read_text() + '[build]\nsource = "plugin.c"\n'
    )
    sandbox.run("build", folder).ok()


def test_a_toolchain_needs_no_source_where_the_folder_has_one(sandbox: Sandbox) -> None:
    folder = plugin(sandbox, more='[build]\ntoolchain = "ziglang"\n')
    sandbox.run("build", folder).ok()
    assert "expected one source" not in sandbox.run("check", folder).out
    (folder / "plugin.rs").write_text("")
    sandbox.run("build", folder).failed(
        2,
        "expected one source, found 'plugin.c' or 'plugin.rs'",
        """help: write source = "plugin.c" under [build]""",
    )


def test_a_strange_build_table_matters_to_nobody_else(sandbox: Sandbox) -> None:
    folder = plugin(sandbox, more="[build]\nsteps = 3\n")
    shutil.copy(PLUGINS / "text-tools" / "plugin.wasm", folder)
    assert "warning: 'steps' is not a known key\n" in sandbox.run("check", folder).out
    shutil.copy(PLUGINS / "text-tools" / "plugin.wasm", folder)
    sandbox.run("call", folder, "text-stats", '{"text":"a"}').ok()


def test_a_core_module_of_another_toolchain_becomes_a_component(sandbox: Sandbox) -> None:
    folder = plugin(sandbox, more='[build]\nsource = "target/out.wasm"\n')
    (folder / "target").mkdir()
    (folder / "target" / "out.wasm").write_bytes(module())
    assert sandbox.run("build", folder).ok().out.startswith("built plugin.wasm from a core module: ")
    (folder / "target" / "out.wasm").write_bytes(bytes(wasmtime.wat2wasm("(module)")))
    sandbox.run("build", folder).failed(
        1,
        "does not export",
        f"where: {folder}/target/out.wasm",
        "help: build it for the world of the plugin's type",
    )
    (folder / "target" / "out.wasm").write_text("#include")
    sandbox.run("build", folder).failed(
        1,
        "expected a WebAssembly binary",
        f"where: {folder}/target/out.wasm",
        f"help: tarkpm inspect {folder}/target/out.wasm",
    )


def test_a_folder_without_a_plugin(sandbox: Sandbox) -> None:
    sandbox.run("build").failed(2, "there is no plugin.toml", "help: tarkpm new my-plugin --lang c")


@pytest.mark.parametrize(
    ("source", "name", "command"),
    [
        ("plugin.js", "componentize-qjs", "install Node.js"),
        ("plugin.py", "componentize-py", "-m pip install componentize-py"),
        ("plugin.rs", "rustc", "install Rust (https://rustup.rs)"),
    ],
)
def test_a_missing_toolchain_is_one_command_away(
    sandbox: Sandbox, source: str, name: str, command: str
) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / source)
    nothing = sandbox.root / "bin"
    nothing.mkdir()
    sandbox.run("build", folder, env={"PATH": str(nothing)}).failed(
        2, f"'{name}', which builds plugins in", command
    )


def test_rust_where_there_is_no_apt(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.rs")
    programs = sandbox.root / "bin"
    programs.mkdir()
    rustup = "help: rustup target add wasm32-unknown-unknown\n"
    for name, command in (
        ("", "help: install Rust (https://rustup.rs), then: rustup target add wasm32-unknown-unknown\n"),
        ("apt", "help: apt install rustc libstd-rust-dev-wasm32 lld\n"),
        ("rustup", rustup),
    ):
        (programs / (name or "other")).touch(mode=0o755)
        sandbox.run("build", folder, env={"PATH": str(programs)}).failed(2, command)


def test_the_command_that_installs_a_toolchain_works_without_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tarkpm.toolchains.programs.importlib.util.find_spec", lambda _: None)
    python = shlex.quote(sys.executable)
    pip = f"{python} -m ensurepip && {python} -m pip install --upgrade ziglang"
    assert install_from_pypi("ziglang", str(tmp_path), upgrade=True) == pip
    for program, command in (("pipx", "pipx install --force"), ("uv", "uv tool install --upgrade")):
        (tmp_path / program).touch(mode=0o755)
        assert install_from_pypi("ziglang", str(tmp_path), upgrade=True) == f"{command} ziglang"


def test_a_mistake_in_the_manifest_is_explained_by_check(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    text = (folder / "plugin.toml").read_text()
    (folder / "plugin.toml").write_text(text.replace('type = "tool"', 'type = "tools"'))
    sandbox.run("build", folder).failed(2, "found 'tools'", f"help: tarkpm check {folder}\n")
    (folder / "plugin.toml").write_text("name = Word\n")
    sandbox.run("build", cwd=folder).failed(2, "not valid TOML", "help: tarkpm check .\n")


def test_a_toolchain_that_is_too_old(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PYTHON_OF_PLUGINS, (3, 99))
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.py")
    old = sandbox.root / "bin" / "componentize-py"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho componentize-py 0.9.1\n")
    old.chmod(0o755)
    env = {"PATH": f"{old.parent}{os.pathsep}/usr/bin:/bin"}
    sandbox.run("build", folder, env=env).failed(
        2, "expected componentize-py 0.17 or newer, found 0.9.1", "--upgrade componentize-py"
    )


def test_a_rustc_that_is_too_old(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.rs")
    (sandbox.root / "lib").mkdir()
    (sandbox.root / "lib" / "libcore-1.rlib").touch()
    old = sandbox.root / "bin" / "rustc"
    old.parent.mkdir()
    old.write_text(f"#!/bin/sh\ntest $1 = --version && echo rustc 1.48.0 || echo {sandbox.root}/lib\n")
    old.chmod(0o755)
    for program, command in (("", "install Rust (https://rustup.rs), then: "), ("rustup", "rustup update\n")):
        (old.parent / (program or "other")).touch(mode=0o755)
        sandbox.run("build", folder, env={"PATH": f"{old.parent}:/usr/bin:/bin"}).failed(
            2, "expected rustc 1.56 or newer, found 1.48.0", f"help: {command}"
        )


def test_a_syntax_error_of_python_is_reported_before_the_slow_compiler_runs(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.py")
    (folder / "plugin.py").write_text("x = 1\nprint((x)\n")
    compiler = sandbox.root / "bin" / "componentize-py"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho componentize-py 0.25.1\ntest $1 = --version\n")
    compiler.chmod(0o755)
    env = {"PATH": f"{compiler.parent}{os.pathsep}/usr/bin:/bin"}
    monkeypatch.setattr(PYTHON_OF_PLUGINS, (3, 99))
    text = "plugin.py:2: '(' was never closed"
    older = sandbox.run("build", folder, env=env).failed(1, "'componentize-py' failed")
    assert f"note: {text}, says Python 3." in older.err
    assert "the plugin's Python 3.99 decides\n" in older.err
    monkeypatch.setattr(PYTHON_OF_PLUGINS, (3, 11))
    assert "componentize-py" not in sandbox.run("build", folder, env=env).failed(1, f"error: {text}").err
    (folder / "plugin.py").write_text("class ToolPlugin:\n    def execute(self, tool, arguments): ...\n")
    sandbox.run("build", folder, env=env).failed(
        1, "the source does not define 'ToolPlugin.get_tools'", "define the class"
    )


def test_a_module_that_is_too_large(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plugin(sandbox)
    monkeypatch.setattr("tarkpm.ops.author.building.MAX_FILE", 5000)
    sandbox.run("build", folder).failed(1, "bytes; a plugin has at most 5,000", "help: leave out packages")
    (folder / "plugin.wasm").write_bytes(bytes(6000))
    monkeypatch.setattr("tarkpm.sources.path.MAX_FILE", 5000)
    for command in (("check",), ("sign", "--key", "release"), ("call", "echo")):
        sandbox.run(command[0], folder, *command[1:]).failed(
            2 - (command[0] == "check"), "has more than 5,000 bytes", "help: leave out packages and data"
        )
    monkeypatch.setattr("tarkpm.ops.author.sources.MAX_BYTES", 5000)
    (folder / "data.bin").write_bytes(bytes(6000))
    sandbox.run("build", folder).failed(
        2, "has more than 5,000 bytes", f"where: {folder}/data.bin", "help: leave out"
    )


def test_whatever_has_the_name_of_the_module_is_replaced(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.wasm").symlink_to(sandbox.home / "elsewhere")
    (sandbox.home / "elsewhere").write_text("theirs")
    sandbox.run("build", folder).ok()
    assert not (folder / "plugin.wasm").is_symlink()
    assert (sandbox.home / "elsewhere").read_text() == "theirs"


def test_a_package_of_npm_that_is_too_old_and_one_that_is_not(sandbox: Sandbox) -> None:
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.js")
    package = sandbox.root / "node_modules" / "componentize-qjs"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "0.3.9"}')
    program = package / "cli.js"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (sandbox.root / "bin").mkdir()
    (sandbox.root / "bin" / "componentize-qjs").symlink_to(program)
    result = sandbox.run("build", folder, env={"PATH": f"{sandbox.root}/bin:/usr/bin:/bin"})
    result.failed(
        2, "expected componentize-qjs 0.4 or newer, found 0.3.9", "npm install --global componentize-qjs"
    )
    # QuickJS has no console: the source gets one, and its own lines and columns stay
    (package / "package.json").write_text('{"version": "0.4.5"}')
    program.write_text("#!/bin/sh\nhead -n 1 plugin.js; cat tark-console.js\nexit 1\n")
    result = sandbox.run("build", folder, env={"PATH": f"{sandbox.root}/bin:/usr/bin:/bin"})
    result.failed(
        1,
        f"| {SOURCE.splitlines()[0]}\n",
        '| import * as $tarkLog from "tark:plugin/log"; globalThis.console ??= ',
    )
    assert "error: 'componentize-qjs' failed\n" in result.err
    assert not (folder / "tark-console.js").exists()


def test_of_much_output_the_first_and_the_last_lines_are_shown(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PYTHON_OF_PLUGINS, (3, 99))
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.py")
    compiler = sandbox.root / "bin" / "componentize-py"
    compiler.parent.mkdir()
    env = {"PATH": f"{compiler.parent}{os.pathsep}/usr/bin:/bin"}
    many = "for i in $(seq 100); do echo line $i; done"
    for last, text in (
        ("", "\n    | line 21\n    | … 71 more lines\n    | line 93\n"),
        (
            "echo '    1: called trapping stub: tark:plugin/log#info'",
            "error: the source calls 'log.info' while it is built: there is no host yet\n",
        ),
    ):
        compiler.write_text(
            f"#!/bin/sh\necho componentize-py 0.25.1\ntest $1 = --version && exit\n{many}\n{last}\nexit 1\n"
        )
        compiler.chmod(0o755)
        sandbox.run("build", folder, env=env).failed(1, text)


def test_a_program_whose_version_is_unknown_fails(sandbox: Sandbox) -> None:
    """A wrapper script, of a version manager for instance: it may be one that is too old."""
    folder = plugin(sandbox)
    (folder / "plugin.c").rename(folder / "plugin.js")
    program = sandbox.root / "bin" / "componentize-qjs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho \"error: unexpected argument '--sync'\" >&2\nexit 2\n")
    program.chmod(0o755)
    text = "'componentize-qjs' failed; its version is unknown, and 0.4 or newer is needed"
    sandbox.run("build", folder, env={"PATH": f"{program.parent}:/usr/bin:/bin"}).failed(
        1, f"error: {text}\n"
    )
