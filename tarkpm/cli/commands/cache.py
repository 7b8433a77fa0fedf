"""``tarkpm cache``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, anywhere, dry_run
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.cache import CacheReport

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


@click.group("cache", cls=Group)
def cache_command() -> None:
    """Manage downloads and compiled modules. All of it can be deleted and is fetched again."""


@cache_command.command("dir")
@anywhere
def dir_command(invocation: Invocation) -> int:
    """Print the path of the cache."""
    directory = str(invocation.settings.paths.cache)
    invocation.report({"directory": directory}, lambda: [neutral(directory)])
    return 0


@cache_command.command("size")
@anywhere
def size_command(invocation: Invocation) -> int:
    """Show the size of the cache."""
    from tarkpm.ops.cache import cache_size

    report = cache_size(invocation.settings)
    invocation.report(report, lambda: _size_lines(report))
    return 0


@cache_command.command("prune")
@dry_run
@anywhere
def prune_command(invocation: Invocation) -> int:
    """Delete what no project of yours locks."""
    from tarkpm.ops.cache import prune

    report = prune(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _gone_lines(report, dry_run=invocation.settings.dry_run))
    return 0


@cache_command.command("clean")
@dry_run
@anywhere
def clean_command(invocation: Invocation) -> int:
    """Delete the whole cache."""
    from tarkpm.ops.cache import clean

    report = clean(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _gone_lines(report, dry_run=invocation.settings.dry_run))
    return 0


def human(count: int) -> str:
    """Format a number of bytes: ``1.5 MiB (1,572,864 bytes)``."""
    for name, unit in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name} ({count:,} bytes)"
    return f"{count:,} bytes"


def _size_lines(report: "CacheReport") -> list[str]:
    cells = [(one.kind, f"{one.count:,}", human(one.bytes)) for one in report.kinds]
    lines = table(("Kind", "Count", "Size"), [*cells, ("total", f"{report.count:,}", human(report.bytes))])
    return [style(lines[0], bold=True), *lines[1:], "", f"Cache directory: {neutral(report.directory)}"]


def _gone_lines(report: "CacheReport", *, dry_run: bool) -> list[str]:
    done = "would delete" if dry_run else "deleted"
    lines = [
        f"{style('-', fg='red')} {done} {one.count:,} {one.kind}, {human(one.bytes)}"
        for one in report.kinds
        if one.count
    ]
    left = f"{human(report.left)} {'would be' if dry_run else 'is'} left"
    lines = [*lines, left] if lines else [f"nothing to delete; {left}"]
    return lines + [f"{style('note:', fg='cyan')} {neutral(note)}" for note in report.notes]
