"""The example plugins that contain an interpreter, built as their authors build them. Each build is kept."""

import os
import shutil
from pathlib import Path

import pytest
from support import guests
from support.example_plugins import INTERPRETED
from support.sandbox import PLUGINS, Sandbox


# A cold build takes ten seconds for JavaScript, and a minute and a half for Python.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(INTERPRETED))
def test_a_plugin_is_accepted_and_passes_its_cases(sandbox: Sandbox, name: str) -> None:
    wasm = guests.build_example(PLUGINS / name, INTERPRETED[name])
    guests.share_compiled(sandbox)
    copy = Path(shutil.copytree(PLUGINS / name, sandbox.cwd / name))
    (copy / "plugin.wasm").write_bytes(wasm)
    assert sandbox.run("check", copy, "--json").ok().json["findings"] == []
    assert " passed in " in sandbox.run("test", copy).ok().out


@pytest.mark.slow
def test_the_console_of_javascript_is_the_plugin_s_log(sandbox: Sandbox) -> None:
    sandbox.run("new", "words", "--lang", "javascript").ok()
    source = sandbox.cwd / "words" / "plugin.js"
    printing = "console.log('hi', { a: 1 }, [new TypeError('x')].length, undefined, new TypeError('x')); console.warn('w');"
    source.write_text(
        source.read_text().replace("    const { text }", f"    {printing}\n    const {{ text }}")
    )
    sandbox.run("build", "words", env={"PATH": f"{guests.programs('javascript')}:{os.environ['PATH']}"}).ok()
    said = sandbox.run("call", "./words", "words", '{"text":"two words"}').ok()
    assert said.err == '[words] info: hi {"a":1} 1 undefined TypeError: x\n[words] warn: w\n'
