"""A command's module is imported when the command is used, and not before."""

import sys

import click
import pytest

from tarkpm.cli.commands.index import COMMANDS as INDEX_COMMANDS
from tarkpm.cli.commands.index import index_command
from tarkpm.cli.group import COMMANDS, group
from tarkpm.cli.lazy_group import LazyGroup


@pytest.fixture
def lazy() -> LazyGroup:
    return LazyGroup(package="tarkpm.cli.commands", names=("tree", "add"))


def test_commands_keep_their_order(lazy: LazyGroup) -> None:
    assert lazy.list_commands(click.Context(lazy)) == ["tree", "add"]


def test_a_module_is_imported_on_use(lazy: LazyGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tarkpm.cli.commands.tree", raising=False)
    context = click.Context(lazy)
    lazy.list_commands(context)
    assert "tarkpm.cli.commands.tree" not in sys.modules
    command = lazy.get_command(context, "tree")
    assert command is not None
    assert command.name == "tree"
    assert "tarkpm.cli.commands.tree" in sys.modules


@pytest.mark.parametrize("name", ["list", "__init__", "../tree", ""])
def test_what_is_not_listed_is_never_imported(lazy: LazyGroup, name: str) -> None:
    assert lazy.get_command(click.Context(lazy), name) is None


@pytest.mark.parametrize(
    ("parent", "name"),
    [*((group, name) for name in COMMANDS), *((index_command, name) for name in INDEX_COMMANDS)],
)
def test_every_command_is_where_its_name_says(parent: click.Group, name: str) -> None:
    command = parent.get_command(click.Context(parent), name)
    assert command is not None
    assert command.name == name
    assert command.help
