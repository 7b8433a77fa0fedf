"""``--help`` lists every command whole, and its examples are commands that the program reads."""

import shlex
from collections.abc import Iterator

import click
import pytest
from support.sandbox import Sandbox

from tarkpm.cli.examples import EXAMPLES
from tarkpm.cli.group import COMMANDS, SECTIONS, group, run


def _commands(parent: click.Context, path: str = "tarkpm") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a context, with its name as typed."""
    assert isinstance(parent.command, click.Group)
    for name in parent.command.list_commands(parent):
        command = parent.command.get_command(parent, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            context = click.Context(command, parent=parent, info_name=name)
            yield from _commands(context, f"{path} {name}")


def test_no_sentence_is_cut_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for words in ([], ["index"], ["key"]):
        assert run([*words, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "..." not in shown.replace("[ARGS]...", "")
        assert all(len(line) < 60 for line in shown.partition("Examples:")[0].splitlines())


@pytest.fixture(scope="module")
def root() -> click.Context:
    # With its settings: a command keeps the help option that its first context asks for.
    return click.Context(group, info_name="tarkpm", **group.context_settings)


def test_no_summary_is_cut_off(root: click.Context) -> None:
    long = {path: command.get_short_help_str(66) for path, command in _commands(root)}
    assert [path for path, text in long.items() if text.endswith("...")] == []


def test_every_command_stands_in_one_section_and_has_examples(sandbox: Sandbox, root: click.Context) -> None:
    text = sandbox.run("--help").ok().out
    for title in SECTIONS:
        assert f"\n{title}:\n" in text
    assert len(COMMANDS) == len({*COMMANDS})
    assert {path.removeprefix("tarkpm ") for path, _ in _commands(root)} == {*EXAMPLES}
    assert "Examples:\n    tarkpm add text-tools\n" in sandbox.run("add", "--help").ok().out


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_read_as_a_command(
    root: click.Context, line: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (
        sandbox.cwd / "my-plugin",
        sandbox.root / "index" / "submissions",
        sandbox.cwd / "index",
        sandbox.cwd / "submissions" / "text-tools-1.2.0",
    ):
        folder.mkdir(parents=True)
    monkeypatch.chdir(sandbox.cwd)
    inner = line.removeprefix('eval "$(').removesuffix(')"').partition(" < ")[0].partition(" | ")[0]
    words = shlex.split(inner)
    assert words[0] == "tarkpm"
    context, command = root, root.command
    rest = words[1:]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        if isinstance(command, click.Group) and not rest:
            return
        if not isinstance(command, click.Group):
            command.make_context(name, rest, parent=context)
            return
        context = click.Context(command, parent=context, info_name=name)


@pytest.mark.parametrize("name", ["add", "serve openai", "index rotate root"])
def test_help_is_a_command_too(sandbox: Sandbox, name: str) -> None:
    assert sandbox.run("help", *name.split()).ok().out == sandbox.run(*name.split(), "--help").ok().out


def test_help_alone_is_the_program_s(sandbox: Sandbox) -> None:
    assert sandbox.run("help").ok().out == sandbox.run("--help").ok().out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("ls", "tarkpm list"),
        ("install", "tarkpm sync"),
        ("install text-tools", "tarkpm add SOURCE"),
        ("instal", "tarkpm sync"),
        ("uninstall x", "tarkpm remove NAME"),
        ("upgrade", "tarkpm update"),
        ("veryfy", "tarkpm verify"),
        ("index ls", "tarkpm index list"),
        ("index remvoe", "tarkpm index remove NAME"),
        ("adit", "tarkpm audit"),
        ("version", "tarkpm --version"),
        ("key gen", "tarkpm key generate --name NAME"),
        ("auth frobnicate", "tarkpm auth --help"),
        ("help frobnicate", "tarkpm --help"),
    ],
)
def test_an_unknown_command_leads_to_the_one_that_was_meant(sandbox: Sandbox, typed: str, hint: str) -> None:
    error = sandbox.run(*typed.split()).failed(2, "there is no command '").err
    assert error.endswith(f"  help: {hint}\n")


def test_an_unknown_plugin_has_a_near_name(sandbox: Sandbox) -> None:
    sandbox.init()
    folder = sandbox.plugin(sandbox.root / "src" / "text-tools")
    sandbox.run("add", str(folder), "--accept-capabilities").ok()
    for words in ("info txt-tools", "tree --invert txt-tools", "call texttools x", "remove text-tool"):
        sandbox.run(*words.split()).failed(2, "; did you mean 'text-tools'?")
    assert "did you mean" not in sandbox.run("info", "zzz").failed(2).err
