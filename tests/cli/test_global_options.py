"""Options that every command takes, before it or behind it; and the names a shell completes."""

from pathlib import Path

import click
import pytest

from tarkpm.cli.global_options import anywhere, complete_names, everywhere, said_before, with_explicit_values


@pytest.mark.parametrize(
    ("typed", "explicit"),
    [
        ("sync --accept-project", "sync --accept-project=any"),
        ("--accept-project sync", "--accept-project=any sync"),
        ("sync --accept-project=sha256:x", "sync --accept-project=sha256:x"),
        ("call x --accept-project -- --accept-project", "call x --accept-project=any -- --accept-project"),
        ("call x -- --accept-project", "call x -- --accept-project"),
        ("", ""),
    ],
)
def test_an_option_without_a_value_does_not_take_the_next_word(typed: str, explicit: str) -> None:
    assert with_explicit_values(typed.split()) == explicit.split()


def names(function: object) -> list[str]:
    return [param.name or "" for param in click.command()(function).params]  # type: ignore[arg-type]


def test_before_a_command_there_is_offline_as_well() -> None:
    def command() -> None: ...

    def another() -> None: ...

    assert names(everywhere(command)) == ["json", "project", "user", "accept_project", "verbose"]
    assert names(anywhere(another)) == ["json", "project", "user", "accept_project", "verbose", "offline"]


def test_what_was_said_before_the_command() -> None:
    assert said_before() == {}
    seen: list[dict[str, object]] = []

    @click.group()
    @anywhere
    def group(**_: object) -> None: ...

    @group.command()
    def inner() -> None:
        seen.append(said_before())

    group.main(["--json", "--user", "inner"], standalone_mode=False)
    assert (seen[0]["json"], seen[0]["user"], seen[0]["offline"]) == (True, True, False)


# -- completion


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two plugins' folders and one whose name is no plugin's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "tark.toml").write_text("")
    for name in ("calc", "calendar", "calc; rm -rf ~"):
        (tmp_path / ".tark" / "plugins" / name).mkdir(parents=True)
    return tmp_path


def complete(typed: str, **params: object) -> list[str]:
    command = click.Command("list", params=[click.Option(["--user"], is_flag=True)])
    context = click.Context(command)
    context.params = params
    return complete_names(context, command.params[0], typed)


@pytest.mark.parametrize(
    ("typed", "found"),
    [("calc", ["calc"]), ("cal", ["calc", "calendar"]), ("CAL", ["calc", "calendar"]), ("x", [])],
)
def test_names_are_completed(project: Path, typed: str, found: list[str]) -> None:
    assert complete(typed) == found


def test_options_say_which_project(project: Path) -> None:
    assert complete("cal", user=True) == []
    assert complete("cal", project=project) == ["calc", "calendar"]


def test_completion_never_fails(project: Path) -> None:
    plugins = project / ".tark" / "plugins"
    plugins.rename(project / "elsewhere")
    plugins.symlink_to(project / "elsewhere")
    assert complete("cal") == []
    assert complete("cal", project=project / "nowhere") == []
