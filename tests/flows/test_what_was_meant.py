"""A wrong name, key, passphrase or length: the error names what is meant, and a hint that helps."""

import pytest
from support.indexed import IndexedProject
from support.sandbox import Sandbox

from tarkpm.cli import copyable, tables
from tarkpm.cli.fallback_hints import online
from tarkpm.core.consent import MAX_ANSWERED, Question, consent_error
from tarkpm.core.release import PluginName
from tarkpm.errors import UnsignedRefused


def test_a_key(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.cwd / "mine")
    sandbox.run("sign", folder, "--key", "work").failed(2, "help: tarkpm key generate --name work\n")
    bob = sandbox.key("release")
    sandbox.run("key", "import", bob, "--name", "bobby").ok()
    for words in (["key", "show", "bobyb"], ["key", "export", "bobyb", "--to", "x"]):
        sandbox.run(*words).failed(
            2, "no key named 'bobyb'; did you mean 'bobby'?", "help: tarkpm key list\n"
        )
    sandbox.run("sign", folder, "--key", "nobody").failed(2, "help: tarkpm key list\n")


def test_the_file_of_a_module(sandbox: Sandbox) -> None:
    sandbox.init()
    module = sandbox.plugin(sandbox.cwd / "mine") / "plugin.wasm"
    (sandbox.cwd / "alone.wasm").write_bytes(module.read_bytes())
    for words, file in (
        (["info", "mine/plugin.wasm"], module),
        (["info", "./mine/plugin.wasm"], module),
        (["add", str(module)], module),
        (["info", "alone.wasm"], sandbox.cwd / "alone.wasm"),
    ):
        sandbox.run(*words).failed(2, "expected a folder, found a file", f"help: tarkpm inspect {file}\n")
    sandbox.run("add", "./mine/plugin.toml").failed(2, "expected a folder, found a file", "tarkpm add --help")
    sandbox.run("add", "x" * 300 + ".y").failed(2, "expected a URL, a name or a folder")


def test_a_passphrase(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.cwd / "mine")
    right, wrong = ({"TARKPM_KEY_PASSPHRASE": text} for text in ("right-one", "wrong-one"))
    sandbox.run("key", "generate", "--name", "enc", "--passphrase", env=right).ok()
    file = sandbox.state / "keys" / "enc.pem"
    hint = (
        "help: run the command again with this key's passphrase: at the prompt, or in TARKPM_KEY_PASSPHRASE"
    )
    for words in (["sign", str(folder), "--key", "enc"], ["key", "import", str(file), "--name", "two"]):
        sandbox.run(*words, env=wrong).failed(2, "the passphrase is wrong", hint)


def test_a_capability_and_a_tool(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", capabilities='storage = true\nhttp = ["api.example.com"]')
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    for verb in ("grant", "revoke"):
        sandbox.run(verb, "text-tools", "htpp:a.example").failed(2, "found 'htpp'; did you mean 'http'?")
    sandbox.run("grant", "text-tools", "http:api.exmaple.com").failed(
        1, "does not declare http:api.exmaple.com; did you mean 'http:api.example.com'?"
    )
    noted = sandbox.run("revoke", "text-tools", "http:api.exmaple.com").ok().err
    assert "http:api.exmaple.com was not granted to text-tools; did you mean 'http:api.example.com'?" in noted
    sandbox.run("call", "text-tools", "text-stat", "{}").failed(1, "; did you mean 'text-stats'?")
    project = sandbox.cwd / "tark.toml"
    project.write_text(project.read_text().replace("http = ", "htpp = "))
    sandbox.run("list").failed(2, "did you mean 'http'?")


@pytest.mark.parametrize(("value", "found"), [("short", "found 5"), ("x" * 5000, "found more than 4,096")])
def test_the_length_of_a_secret(sandbox: Sandbox, value: str, found: str) -> None:
    sandbox.run("secret", "set", "gh", stdin=value).failed(2, f"expected 8 to 4,096 characters, {found}\n")


def test_a_secret(sandbox: Sandbox) -> None:
    sandbox.run("secret", "set", "github", stdin="long-enough").ok()
    said = "there is no secret named 'gihub'; did you mean 'github'?"
    sandbox.run("secret", "remove", "gihub").failed(2, said, "help: tarkpm secret list\n")
    folder = sandbox.plugin(sandbox.cwd / "mine")
    with (folder / "plugin.toml").open("a") as manifest:
        manifest.write('\n[secrets.token]\nhost = "api.example.com"\nheader = "authorization"\n')
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    bound = "secret:token=gihub"
    sandbox.run("grant", "text-tools", bound).failed(2, said, "help: tarkpm secret list\n")


def test_many_questions_fit_on_a_screen() -> None:
    names = [PluginName(f"p{number}") for number in range(300)]
    questions = [
        Question(UnsignedRefused, one, f"'{one}' is not signed", f"--allow-unsigned {one}") for one in names
    ]
    error = consent_error(questions, "tarkpm lock")
    assert error.message.endswith("'p7' is not signed; and 292 more questions")
    assert error.hint.count("--allow-unsigned") == MAX_ANSWERED
    assert ": tarkpm lock --allow-unsigned p0 " in error.hint
    few = consent_error(questions[:MAX_ANSWERED], "tarkpm lock")
    assert few.hint.startswith("tarkpm lock --allow-unsigned p0 --allow-unsigned p1 ")
    assert "more" not in few.message + few.hint


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_key_in_a_list_is_whole(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    for module in (tables, copyable):
        monkeypatch.setattr(module, "is_terminal", lambda _stream: True)
        monkeypatch.setattr(module, "size", lambda _stream: (columns, 24))
    key = "ed25519:" + "A" * 43 + "="
    lines = copyable.copyable(("Name", "Kind", "Public key"), [("release", "private", key)] * 2)
    assert sum(line.endswith(key) for line in lines) == 2
    assert all(len(line) < max(columns, 56) for line in lines)


def test_a_hint_that_needs_a_network(sandbox: Sandbox) -> None:
    sandbox.init()
    project = sandbox.cwd / "tark.toml"
    project.write_text('[plugins]\nx = { path = "./x" }\n')
    sandbox.run("lock", "--check").failed(1, "help: tarkpm lock\n")
    sandbox.run("lock", "--check", "--offline").failed(1, "help: with a network: tarkpm lock\n")
    sandbox.run("lock", "--check", env={"TARKPM_OFFLINE": "1"}).failed(
        1, "help: unset TARKPM_OFFLINE, then: tarkpm lock\n"
    )
    assert online("tarkpm list", ["--offline"], {}) == "tarkpm list"
    assert online("tarkpm lock", ["lock"], {"TARKPM_OFFLINE": ""}) == "tarkpm lock"


def test_a_plugin_of_an_index(indexed: IndexedProject) -> None:
    indexed.release("text-tools")
    indexed.use()
    sandbox = indexed.sandbox
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    sandbox.run("add", "text-tolls").failed(
        2,
        "has no plugin named 'text-tolls'; did you mean 'text-tools'?",
        "help: tarkpm add community:text-tools\n",
    )
    sandbox.run("add", "nothing-like-it").failed(
        2, "has no plugin named 'nothing-like-it'\n", "tarkpm search noth"
    )


def test_a_file_in_the_way_of_a_folder(sandbox: Sandbox) -> None:
    sandbox.init()
    blocked = sandbox.root / "file"
    blocked.write_text("")
    refused = sandbox.run("list", env={"XDG_STATE_HOME": str(blocked)}).failed(2)
    assert f"help: XDG_STATE_HOME names this folder: ls -ld {blocked}\n" in refused.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("r.example.com/owner/text-tools", "oci://r.example.com/owner/text-tools"),
        ("r.example.com/x/text-tools:1.0.0", "oci://r.example.com/x/text-tools:1.0.0"),
        ("r.example.com:5000/x:^1", "'oci://r.example.com:5000/x:^1'"),
        ("git.example.com/owner/repo", "https://git.example.com/owner/repo"),
    ],
)
def test_a_host_without_its_scheme(sandbox: Sandbox, typed: str, meant: str) -> None:
    """As docker and browsers take it."""
    sandbox.init()
    for verb in ("add", "info"):
        sandbox.run(verb, typed).failed(2, f"help: tarkpm {verb} {meant}\n")
    sandbox.run("list").ok()  # the hints would ask servers that do not exist
