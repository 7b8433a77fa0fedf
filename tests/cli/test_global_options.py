"""Options that every command takes, before it or behind it; and the names a shell completes."""

import click
import pytest

from tarkpm.cli.global_options import anywhere, everywhere, said_before, with_explicit_values


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
