"""The bindings for Rust: every function of tark.rs, in a plugin that is built and tested as an author does."""

import importlib.resources
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from tarkpm.toolchains.component.wit import read_package
from tarkpm.toolchains.resources import wit_files

BINDINGS = (importlib.resources.files("tarkpm") / "scaffolds" / "rust" / "tark.rs.in").read_text()
HAS_RUST = Path("/usr/lib/rustlib/wasm32-unknown-unknown").is_dir()

SOURCE = r"""
mod tark;
use tark::json::{parse, quote, Json};
use tark::{clock, env, filesystem, http, log, random, shell, storage};

struct Plugin;
export_tool!(Plugin);

fn every() -> Result<String, String> {
    log::info("started");
    storage::set("a", "1")?;
    storage::set("b", "")?;
    storage::delete("a")?;
    let kept = format!("{:?} {:?} {:?}", storage::get("a"), storage::get("b"), storage::list_keys());
    filesystem::write("notes/new.md", "héllo")?;
    let read = format!("{:?} {}", filesystem::read("notes/new.md"), filesystem::read("notes/none.md").is_err());
    let list = filesystem::list("notes")?;
    let list = list.iter().map(|e| format!("{} {:?} {}", e.name, e.kind, e.size)).collect::<Vec<_>>().join(", ");
    let stat = filesystem::stat("notes")?;
    let stat = format!("{} {:?} {}", stat.name, stat.kind, filesystem::stat("notes/none").is_err());
    filesystem::remove("notes/new.md")?;
    let ran = shell::run(&["git", "log"], shell::Options { stdin: Some("in"), cwd: Some("notes"), timeout_ms: Some(9) })?;
    let ran = format!("{} {} {}", ran.exit_code, ran.stdout, ran.stderr);
    let plain = shell::run(&["git"], shell::Options::default())?.stdout;
    let page = http::get("https://example.com/", &[("accept", "text/plain")]).map_err(|e| e.message)?;
    let post = http::post("https://example.com/", "body", &[]).map_err(|e| e.message)?;
    let lost = http::get("https://example.com/lost", &[]).err().ok_or("an answer")?;
    let time = format!("{} {}", clock::now(), clock::monotonic() < 1000);
    let dice = random::number() != random::number() && random::bytes(9) != random::bytes(9) && random::bytes(9).len() == 9;
    let found = format!("{:?} {:?}", env::get("NAME"), env::get("NONE"));
    Ok([
        kept, read, page.status.to_string(), page.body, format!("{:?}", page.headers), post.status.to_string(), lost.message,
        format!("{:?}", lost.status), time, dice.to_string(), found, list, stat, ran, plain,
    ].iter().map(|text| quote(text)).collect::<Vec<_>>().join("\n"))
}

fn json(arguments: &str) -> String {
    match parse(arguments) {
        None => "none".into(),
        Some(Json::Object(members)) => format!("{:?}", members),
        Some(value) => format!("{:?}", value),
    }
}

impl tark::Tool for Plugin {
    fn tools() -> Vec<tark::ToolDef> {
        ["every", "json", "panic"].iter().map(|name| tark::ToolDef {
            name: name.to_string(), description: "d".into(), parameters: "{}".into(),
        }).collect()
    }
    fn risk(tool: &str) -> tark::Risk { if tool == "json" { tark::Risk::ReadOnly } else { tark::Risk::Risky } }
    fn execute(tool: &str, arguments: &str) -> Result<String, String> {
        if tool == "panic" { panic!("my {}", arguments) }
        if tool == "json" { Ok(json(arguments)) } else { every() }
    }
}
"""
MANIFEST = """
[plugin]
name = "every"
version = "0.1.0"
type = "tool"
[capabilities]
storage = true
http = ["example.com"]
env = ["NAME", "NONE"]
filesystem = ["notes/"]
shell = true
"""
EVERY = r"""
call = "every"
clock = 1700000000123
[env]
NAME = "välue"
[files]
"notes/old.md" = ""
[http."https://example.com/"]
headers = { content-type = "text/plain" }
body = "pagé"
[http."POST https://example.com/"]
status = 201
[shell."git log"]
exit_code = 3
stdout = "öut"
stderr = "err"
[shell.git]
stdout = "plain"
[http."https://example.com/lost"]
error = "no route"
[expect]
result = '''
"None Some(\"\") [\"b\"]"
"Ok(\"héllo\") true"
"200"
"pagé"
"[(\"content-type\", \"text/plain\")]"
"201"
"https://example.com: no route"
"None"
"1700000000123 true"
"true"
"Some(\"välue\") None"
"new.md File 6, old.md File 0"
"notes Directory true"
"3 öut err"
"plain"'''
[expect.storage]
b = ""
"""


@pytest.mark.skipif(not HAS_RUST, reason="Debian's libstd-rust-dev-wasm32 is not installed")
@pytest.mark.slow  # four seconds; test_new builds a plugin in Rust
def test_every_function_of_the_bindings(sandbox: Sandbox) -> None:
    folder = sandbox.cwd / "every"
    (folder / "tests").mkdir(parents=True)
    for name, text in (
        ("plugin.rs", SOURCE),
        ("tark.rs", BINDINGS),
        ("plugin.toml", MANIFEST),
        ("tests/every.toml", EVERY),
    ):
        (folder / name).write_text(text)
    sandbox.run("build", cwd=folder).ok()
    sandbox.run("test", cwd=folder).ok()
    call = ("call", ".", "json")
    cases = {
        r'{"a":"\u00e9\ud83d\ude00\n","b":[1,-2.5e3,true,false,null,{}]}': r"""[("a", Text("é😀\n")), ("b", List([Number(1.0), Number(-2500.0), Bool(true), Bool(false), Null, Object([])]))]""",
        ' [ ] ': "List([])",
    }  # fmt: skip
    for text, shown in cases.items():
        assert sandbox.run(*call, text, "--accept-capabilities", cwd=folder).ok().out == f"{shown}\n"
    assert sandbox.run("tools", ".", cwd=folder).ok().out.count("risky") == 2
    place = f"plugin.rs:{SOURCE[: SOURCE.index('panic!(')].count(chr(10)) + 1}:"
    error = sandbox.run("call", ".", "panic", "{}", "--json", cwd=folder).failed(1, place).json["error"]
    assert (error["code"], error["exception"]) == ("PluginRaised", "my {}")
    assert place in error["traceback"]


def test_every_copy_of_the_bindings_is_the_scaffold_s() -> None:
    root = Path(__file__).resolve().parents[2]
    copies = [path for path in (root / "plugins").rglob("tark.rs") if "target" not in path.parts]
    assert copies
    assert [path for path in copies if path.read_text() != BINDINGS] == []


@pytest.mark.parametrize("file", ["tarkpm/scaffolds/rust/tark.rs.in", "plugins/c/tark.h"])
def test_the_bindings_have_every_function_that_a_plugin_may_import(file: str) -> None:
    text = (Path(__file__).resolve().parents[2] / file).read_text()
    package = read_package(one.decode() for one in wit_files().values())
    for name, interface in package.interfaces.items():
        if not name.endswith("-plugin"):
            part = text[text.find(f'tark:plugin/{name}"') :] if file.endswith(".in") else text
            for function in interface.functions:
                expected = f'"{function}"' if file.endswith(".in") else f'TARK_IMPORT("{name}", "{function}")'
                assert expected in part, (name, function)


@pytest.mark.slow
@pytest.mark.skipif(
    not (HAS_RUST and Path("/usr/bin/cargo").exists()), reason="Debian's cargo is not installed"
)
def test_a_package_of_cargo(sandbox: Sandbox) -> None:
    sandbox.run("new", "words", "--lang", "rust").ok()
    folder = sandbox.cwd / "words"
    (folder / "src").mkdir()
    (folder / "plugin.rs").rename(folder / "src" / "lib.rs")
    (folder / "tark.rs").rename(folder / "src" / "tark.rs")
    package = '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2021"\n'
    (folder / "Cargo.toml").write_text(package)
    sandbox.run("build", cwd=folder).failed(
        1, 'expected one module of a library of crate-type ["cdylib"], found none'
    )
    (folder / "Cargo.toml").write_text(f'{package}[lib]\ncrate-type = ["cdylib"]\n')
    first = sandbox.run("build", "--json", cwd=folder).ok().json["sha256"]
    assert "1 passed" in sandbox.run("test", cwd=folder).ok().out
    (folder / "plugin.wasm").unlink()
    assert sandbox.run("build", "--json", cwd=folder).ok().json["sha256"] == first
