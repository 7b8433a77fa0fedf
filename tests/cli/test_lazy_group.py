"""A command's module is imported when the command is used, and not before."""

import sys

import click
import pytest

from tarkpm.cli.commands.index import index_command
from tarkpm.cli.group import group
from tarkpm.cli.lazy_group import LazyGroup


@pytest.fixture
def lazy() -> LazyGroup:
    return LazyGroup(package="tarkpm.cli.commands", sections={"One": ("tree", "add"), "Two": ("list",)})


def test_commands_keep_their_order(lazy: LazyGroup) -> None:
    assert lazy.list_commands(click.Context(lazy)) == ["tree", "add", "list"]


def test_a_module_is_imported_on_use(lazy: LazyGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tarkpm.cli.commands.tree", raising=False)
    context = click.Context(lazy)
    lazy.list_commands(context)
    assert "tarkpm.cli.commands.tree" not in sys.modules
    command = lazy.get_command(context, "tree")
    assert command is not None
    assert command.name == "tree"
    assert "tarkpm.cli.commands.tree" in sys.modules


@pytest.mark.parametrize("name", ["sync", "__init__", "../tree", ""])
def test_what_is_not_listed_is_never_imported(lazy: LazyGroup, name: str) -> None:
    assert lazy.get_command(click.Context(lazy), name) is None


@pytest.mark.parametrize("parent", [group, index_command], ids=["tarkpm", "tarkpm index"])
def test_every_command_is_where_its_name_says(parent: LazyGroup) -> None:
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
