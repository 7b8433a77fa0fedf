"""What `tarkpm build` adds to a source in JavaScript, run by node, and a compiler that ends with its words."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from tarkpm.toolchains.javascript import ending

node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
HOOK = "const handle = () => 0;\nexport const hookPlugin = { events: () => [], handle }"


@node
@pytest.mark.parametrize(
    ("source", "missing"),
    [
        (HOOK, ""),
        (f"{HOOK} // the end", ""),
        ("class H { events() {} handle() {} }\nexport let hookPlugin;\nhookPlugin = new H();", ""),
        (HOOK.replace("hookPlugin", "hooksPlugin"), "hookPlugin"),
        (HOOK.replace("export ", ""), "hookPlugin"),
        (HOOK.replace("events: ", "event: "), "hookPlugin.events"),
        (HOOK.replace("handle }", "handle: 1 }"), "hookPlugin.handle"),
    ],
)
def test_a_source_that_lacks_an_export_ends_the_build(tmp_path: Path, source: str, missing: str) -> None:
    file = tmp_path / "plugin.mjs"
    file.write_text(source + ending("plugin.mjs", "hook"))
    done = subprocess.run(["node", file], capture_output=True, text=True, check=False)
    assert done.returncode == bool(missing)
    assert (f"Error: $tarkMissing:{missing}\n" in done.stderr) is bool(missing)


@node
def test_an_exception_keeps_its_class(tmp_path: Path) -> None:
    """The stack has it as its first line; an object that is no error is JSON; other values, and a frozen plugin, stay."""
    file = tmp_path / "plugin.mjs"
    source = (
        "class Late extends RangeError {}\n"
        "export const hookPlugin = { n: 3, events() { return this.n; }, handle(x) { throw x ?? new Late('so'); } };\n"
    )
    asks = (
        "console.log(hookPlugin.events());\n"
        "try { hookPlugin.handle(); } catch (e) { console.log(e.stack.split('\\n')[0], e.message); }\n"
        "try { hookPlugin.handle('text'); } catch (e) { console.log(e); }\n"
        "try { hookPlugin.handle({ a: 1 }); } catch (e) { console.log(e); }\n"
    )
    file.write_text(source + ending("plugin.mjs", "hook") + asks)
    done = subprocess.run(["node", file], capture_output=True, text=True, check=True)
    assert done.stdout == '3\nLate so\ntext\n{"a":1}\n'
    file.write_text(source + "Object.freeze(hookPlugin);" + ending("plugin.mjs", "hook"))
    subprocess.run(["node", file], capture_output=True, check=True)
    auth = (
        "const own = () => { throw { tag: 'a' }; };\n"
        "export const authPlugin = { displayName: own, status: own, startDeviceFlow: own, poll: own, getToken: own, "
        "logout: own };\n"
    )
    file.write_text(
        auth + ending("plugin.mjs", "auth") + "try { authPlugin.getToken(); } catch (e) { console.log(e); }"
    )
    done = subprocess.run(["node", file], capture_output=True, text=True, check=True)
    assert done.stdout == "{ tag: 'a' }\n"  # the error of a result


def test_the_missing_export_is_named_before_a_module_is_written(sandbox: Sandbox) -> None:
    """The compiler is one that says what componentize-qjs 0.4 says."""
    sandbox.run("new", "words", "--lang", "javascript").ok()
    program = sandbox.root / "bin" / "componentize-qjs"
    program.parent.mkdir()
    said = "Error: : Failed to evaluate user JavaScript module: Error: $tarkMissing:toolPlugin.execute"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    program.chmod(0o755)
    built = sandbox.run("build", "words", env={"PATH": f"{program.parent}:/usr/bin:/bin"})
    built.failed(
        1,
        "error: the source does not export 'toolPlugin.execute'\n",
        "help: export const toolPlugin = { execute: … }\n",
    )
    assert not (sandbox.cwd / "words" / "plugin.wasm").exists()


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ('import "tark:plugin/http" from', ("the source imports 'http', which plugin.toml does not declare", 'help: under [capabilities], write http = ["api.example.com"]\n')),
        ('import "tark:plugin/htpp" from', ("the source imports 'htpp', which is not an interface of tark; did you mean 'http'?", "help: tarkpm wit\n")),
        ("unknown import: `tark:plugin/log#info` has not been defined", ("the source calls 'log.info' while it is built", "help: move the call into a function of the plugin")),
        ('import "other" from', ("'componentize-qjs' failed", 'help: fix the source; it can import')),
    ],
)  # fmt: skip
def test_an_import_that_is_not_declared_is_named(sandbox: Sandbox, said: str, texts: tuple[str, ...]) -> None:
    """The compiler is one that says what componentize-qjs 0.4 says."""
    sandbox.run("new", "words", "--lang", "javascript").ok()
    program = sandbox.root / "bin" / "componentize-qjs"
    program.parent.mkdir()
    error = (
        f"Error: : Failed to evaluate user JavaScript module: failed to resolve JavaScript {said} plugin.js"
    )
    program.write_text(f"#!/bin/sh\necho '{error}' >&2\necho '  JS:     plugin.js'\nexit 1\n")
    program.chmod(0o755)
    built = sandbox.run("build", "words", env={"PATH": f"{program.parent}:/usr/bin:/bin"}).failed(1, *texts)
    assert "JS: " not in built.err  # what it was asked, which the author did not type
