"""What was disabled is disabled until somebody enables it, whatever becomes of its folder."""

import shutil

import pytest
from conftest import Publisher
from support.sandbox import Sandbox


@pytest.fixture
def disabled(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project whose one plugin is disabled."""
    publisher.release()
    sandbox.init()
    _add(sandbox, publisher)
    sandbox.run("disable", "text-tools").ok()
    return sandbox


def _add(sandbox: Sandbox, publisher: Publisher) -> None:
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()


def _status(sandbox: Sandbox) -> str:
    status: str = sandbox.run("list", "--json").ok().json["plugins"][0]["status"]
    return status


@pytest.mark.parametrize("gone", ["environment", "plugin"])
def test_its_folder_is_deleted(disabled: Sandbox, gone: str) -> None:
    shutil.rmtree(disabled.cwd / ".tark" if gone == "environment" else disabled.plugins / "text-tools")
    disabled.run("sync").ok()
    assert _status(disabled) == "disabled"
    disabled.run("sync", "--reinstall").ok()
    assert _status(disabled) == "disabled"
    disabled.run("enable", "text-tools").ok()
    shutil.rmtree(disabled.cwd / ".tark")
    disabled.run("sync").ok()
    assert _status(disabled) == "enabled"


def test_a_marker_that_is_taken_away_is_put_back(disabled: Sandbox) -> None:
    """git replaces an ignored file without a word, so a pull can take the marker away: state remembers."""
    marker = disabled.plugins / "text-tools" / ".disabled"
    marker.unlink()
    disabled.run("call", "text-tools", "text-stats", '{"text":"a"}').failed(1, "'text-tools' is disabled")
    disabled.run("sync", "--reinstall").ok()
    assert marker.exists()
    assert _status(disabled) == "disabled"
    disabled.run("enable", "text-tools").ok()
    shutil.rmtree(disabled.cwd / ".tark")
    disabled.run("sync").ok()
    assert _status(disabled) == "enabled"


def test_what_tark_disables_is_disabled(disabled: Sandbox) -> None:
    disabled.run("enable", "text-tools").ok()
    (disabled.plugins / "text-tools" / ".disabled").touch()
    disabled.run("call", "text-tools", "text-stats", '{"text":"a"}').failed(1, "'text-tools' is disabled")


def test_a_plugin_that_was_removed_begins_anew(disabled: Sandbox, publisher: Publisher) -> None:
    disabled.run("remove", "text-tools").ok()
    _add(disabled, publisher)
    assert _status(disabled) == "enabled"
