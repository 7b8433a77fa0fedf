"""What an author types to learn what a plugin asks for: `tarkpm trial`."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import wat
from support.sandbox import PLUGINS, Sandbox
from support.services import Chat, serving

from tarkpm.core.capability import CapabilitySet
from tarkpm.ops.author.recording import Recording

HEAD = '[plugin]\nname = "reach"\nversion = "1.0.0"\ntype = "tool"\nlicense = "MIT"\n'


@pytest.fixture
def folder(sandbox: Sandbox) -> Path:
    """A plugin that reaches for everything, and declares one folder."""
    folder = sandbox.cwd / "reach"
    folder.mkdir()
    (folder / "plugin.wasm").write_bytes(wat.reaching_tool())
    (folder / "plugin.toml").write_text(f'{HEAD}\n[capabilities]\nfilesystem = ["docs/:ro"]  # the docs\n')
    return folder


def test_what_is_not_allowed_is_noted_and_not_done(sandbox: Sandbox, folder: Path) -> None:
    said = sandbox.run("trial", "./reach", "w", '"hi"').failed(1)
    assert said.err == 'denied filesystem:out.txt: filesystem.write("out.txt", "\\"hi\\"")\n'
    assert said.out.startswith(
        "w: failed: filesystem is not granted to this plugin\n"
        "asked for: filesystem:out.txt\n"
        "declared, and not asked for in this call: filesystem:docs/:ro\n"
        "go on with: tarkpm trial ./reach w '\"hi\"' --allow filesystem:out.txt\n\n--- a/plugin.toml\n"
    )
    assert not (sandbox.cwd / "out.txt").exists()
    # declared is not allowed: one call of a stranger's plugin must not do anything by itself
    (sandbox.cwd / "docs").mkdir()
    (sandbox.cwd / "docs" / "a").write_text("mine")
    (sandbox.cwd / "case.toml").write_text('call = "r"\narguments = "docs/a"')
    report = sandbox.run("trial", "reach", "--case", "case.toml", "--json").failed(1).json
    assert (report["asked"][0]["outcome"], report["asked"][0]["declared"]) == ("denied", True)
    assert report["patch"] == ""
    assert not (sandbox.state / "working-copies").exists()


def test_what_is_allowed_is_done_and_the_patch_applies(sandbox: Sandbox, folder: Path) -> None:
    said = sandbox.run("trial", "./reach", "w", '"hi"', "--allow", "filesystem:out.txt").ok()
    assert said.out.startswith("w: done\n")
    assert (sandbox.cwd / "out.txt").read_text() == '"hi"'
    subprocess.run(["git", "apply"], input=said.out, text=True, cwd=folder, check=True)
    assert 'filesystem = ["docs/:ro", "out.txt"]  # the docs\n' in (folder / "plugin.toml").read_text()
    again = sandbox.run("trial", "./reach", "w", '"hi"', "--allow", "filesystem:out.txt").ok()
    assert again.out.endswith("plugin.toml declares what the call needs\n")
    sandbox.run("call", "./reach", "w", '"there"', "--accept-capabilities").ok()


def test_write_changes_the_file_and_exact_leaves_nothing_else(sandbox: Sandbox, folder: Path) -> None:
    sandbox.run("trial", "./reach", "s", '"true"', "--write").failed(1, "wrote plugin.toml")
    text = (folder / "plugin.toml").read_text()
    assert text == f'{HEAD}\n[capabilities]\nfilesystem = ["docs/:ro"]  # the docs\nshell = true\n'
    (sandbox.cwd / "list.toml").write_text('call = "l"\narguments = "notes"')
    lists = ("trial", "./reach", "--case", "list.toml", "--write")
    sandbox.run(*lists, "--exact").failed(1, "wrote plugin.toml")
    text = (folder / "plugin.toml").read_text()
    assert text == f'{HEAD}\n[capabilities]\nfilesystem = ["notes/:ro"]  # the docs\n'
    sandbox.run("trial", "./reach", "n", "--exact").ok()
    (folder / "plugin.toml").write_text(HEAD)
    sandbox.run(*lists).failed(1)
    assert (folder / "plugin.toml").read_text() == f'{HEAD}\n[capabilities]\nfilesystem = ["notes/:ro"]\n'


def test_storage_is_the_trial_s_own(sandbox: Sandbox) -> None:
    mine = Path(shutil.copytree(PLUGINS / "text-tools", sandbox.cwd / "mine"))
    note = ("save-note", '{"key":"a","text":"x"}')
    sandbox.run("call", mine, *note).ok()
    report = sandbox.run("trial", mine, *note, "--json").ok().json
    assert report["asked"][0]["outcome"] == "scratch"
    assert (report["smallest"], report["unused"], report["next"]) == (["storage"], [], "")
    assert "1" in report["output"]  # not the second note


def test_other_types_are_tried_with_the_call_of_a_case(sandbox: Sandbox) -> None:
    mine = Path(shutil.copytree(PLUGINS / "openai-compat", sandbox.cwd / "mine"))
    case = mine / "case.toml"
    case.write_text('chat = { prompt = "hello", model = "echo-1" }')
    with serving(Chat) as service:
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k-1234567890"}
        allow = ("--allow", "env:OPENAI_*")
        said = sandbox.run("trial", mine, "--case", case, *allow, env=env).failed(1)
        assert f"denied http:{service.authority}: http.post(" in said.err
        assert "k-1234567890" not in said.out + said.err
        assert service.requests == []
        more = ("--allow", f"http:{service.authority}", "--json")
        report = sandbox.run("trial", mine, "--case", case, *allow, *more, env=env).ok().json
        assert report["output"] == "echo-1: user=hello"
        assert report["smallest"] == [
            f"http:{service.authority}",
            "env:OPENAI_API_KEY",
            "env:OPENAI_BASE_URL",
        ]
        assert f'+http = ["api.openai.com", "{service.authority}"]' in report["patch"]
        assert "env" not in report["patch"].replace(" env = ", "")


def test_what_cannot_be_tried(sandbox: Sandbox, folder: Path) -> None:
    sandbox.run("trial", "./reach").failed(2, "expected TOOL or --case, found none")
    (sandbox.cwd / "case.toml").write_text('auth = "status"')
    for words in (("case.toml",), ("./reach", "case.toml")):
        again = f"tarkpm trial {words[0] if words[1:] else '.'} --case case.toml"
        sandbox.run("trial", *words).failed(2, f"found the file 'case.toml': {again}")
    both = sandbox.run("trial", "./reach", "w", "--case", "case.toml")
    both.failed(2, "expected TOOL or --case, found both 'w' and 'case.toml'")
    other = sandbox.run("trial", "./reach", "--case", "case.toml")
    other.failed(2, "'reach' is a plugin of type 'tool', not 'auth'", "--case FILE")
    sandbox.run("trial", "./reach", "w", "{").failed(2, "the arguments are not JSON")
    sandbox.run("trial", "./reach", "w", "--allow", "htp:x").failed(2, "expected one of storage, http")
    sandbox.run("trial", "nothing", "w").failed(2, "there is no such folder")
    (folder / "bad.toml").write_text('call = "x"\nresult = 1')
    sandbox.run("trial", "./reach", "--case", folder / "bad.toml").failed(2, "'result' is not a known key")
    (folder / "plugin.wasm").write_bytes(wat.wrong_world())
    sandbox.run("trial", "./reach", "w").failed(1, "no tark plugin interface")


def test_a_tool_that_the_plugin_does_not_have(sandbox: Sandbox) -> None:
    mine = sandbox.plugin(sandbox.cwd / "mine")
    near = sandbox.run("trial", mine, "text-stat").failed(1)
    assert near.out.startswith("text-stat: failed: unknown tool: text-stat; did you mean 'text-stats'?\n")
    other = sandbox.run("trial", mine, "nothing").failed(1)
    assert "unknown tool: nothing; the plugin's tools are 'text-stats', 'save-note'\n" in other.out


def test_a_plugin_that_asks_for_ever_more_is_bounded(tmp_path: Path) -> None:
    shown: list[object] = []
    recording = Recording(CapabilitySet(), tmp_path, lambda *_: {}, shown.append)
    for number in range(1_000):
        assert not recording.admits("env", "get", (f"X_{number}",))
    assert len(recording.asked) == len(shown) == 200


def test_a_manifest_that_changed_meanwhile_is_not_overwritten(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tarkpm.ops import trial

    called = trial._called

    def edited(*arguments: object) -> object:
        (folder / "plugin.toml").write_text(HEAD)
        return called(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "_called", edited)
    sandbox.run("trial", "./reach", "w", '"x"', "--write").failed(4, "plugin.toml changed during the trial")
    assert (folder / "plugin.toml").read_text() == HEAD
