"""The ``tarkpm`` group. A command's module is imported when the command is used."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from tarkpm import __version__
from tarkpm.cli.console import clear_line, print_error, set_verbose
from tarkpm.cli.global_options import anywhere, with_explicit_values
from tarkpm.cli.lazy_group import LazyGroup
from tarkpm.core.text import masked
from tarkpm.errors import StoreError, TarkError

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Change a project": ("init", "add", "remove", "update", "lock", "sync", "rollback", "bisect"),
    "Trust": (
        "verify",
        "audit",
        "rebuild",
        "accept",
        "accepted",
        "grant",
        "revoke",
        "enable",
        "disable",
        "policy",
    ),
    "Find and look": (
        "search",
        "versions",
        "list",
        "info",
        "tree",
        "outdated",
        "diff",
        "log",
        "show",
        "licenses",
        "sbom",
        "inspect",
    ),
    "Run plugins": ("call", "tools", "mcp", "auth", "secret", "chat", "hook", "channel", "serve"),
    "Write plugins": ("new", "build", "check", "dev", "trial", "test", "wit"),
    "Publish": ("key", "sign", "publish", "export", "index"),
    "Without a network": ("bundle", "mirror"),
    "This machine": ("doctor", "cache", "completions", "merge-driver"),
}
COMMANDS: Final = tuple(name for names in SECTIONS.values() for name in names)


class _Commands(LazyGroup):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[:1] == ["help"]:
            if ctx.resilient_parsing:  # for completions: as if the command itself were typed
                return super().resolve_command(ctx, args[1:]) if args[1:] else (None, None, [])
            if not args[1:]:
                click.echo(ctx.get_help())
                ctx.exit()
            args = [*args[1:], "--help"]
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    package="tarkpm.cli.commands",
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", message="tarkpm %(version)s")
@anywhere
def group(**_: object) -> None:
    """Find, lock, verify and run WebAssembly plugins for tark.

    These options also work after the command; --offline where a command uses the network. Help for a command:
    tarkpm help COMMAND
    """


_VERBOSE = {"-v", "-vv", "--verbose"}


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; prints at most one error."""
    # From the raw arguments: an error of the parser itself must be shown as the user asked.
    verbose = any(argument in ("-vv", "--trace-errors") for argument in arguments)
    set_verbose(any(argument in _VERBOSE for argument in arguments))
    as_json = "--json" in arguments
    try:
        status = group.main(with_explicit_values(arguments), prog_name="tarkpm", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, click.Abort):
        with suppress(OSError):  # the terminal may be gone
            clear_line()
            print("interrupted: nothing was left half done", file=sys.stderr, flush=True)  # noqa: T201
        return 130
    except click.exceptions.NoArgsIsHelpError as problem:
        click.echo(problem.format_message(), err=True)
        return 2
    except click.ClickException as problem:
        return _usage(problem, as_json)
    except Exception as problem:  # noqa: BLE001  the last resort: users see no traceback
        error = _translate(problem)
        _complete(error, arguments)
        if verbose:
            import traceback

            click.echo(masked("".join(traceback.format_exception(problem))), err=True, nl=False)
        return print_error(error, as_json=as_json)


def _complete(error: TarkError, arguments: list[str]) -> None:
    """Fill in a missing place and hint: every error shown has a message, a place and a hint."""
    # Imported for errors only: it would slow every command down.
    from tarkpm.cli.fallback_hints import last_resort, online, program
    from tarkpm.cli.typed_command import typed_command

    words = typed_command(group, with_explicit_values(arguments))
    error.where = error.where or program(words)
    error.hint = online(error.hint or last_resort(error, words), arguments, os.environ)


def _usage(problem: click.ClickException, as_json: bool) -> int:
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    command = context.command_path if context else "tarkpm"
    message = " ".join(problem.format_message().split())
    error = TarkError(message[:1].lower() + message[1:].rstrip("."), where=command, hint=f"{command} --help")
    return print_error(error, as_json=as_json)


_SYSTEM = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the command again"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, then run the command again"),
    errno.EACCES: ("permission denied", ""),
    errno.EPERM: ("not permitted", ""),
    errno.EROFS: ("the file system is read-only", ""),
}


def _is_somewhere() -> bool:
    """Return whether the current folder exists."""
    try:
        return bool(Path.cwd())
    except FileNotFoundError:
        return False


def _translate(problem: Exception) -> TarkError:
    """Translate any exception into a `TarkError` with a hint."""
    if isinstance(problem, TarkError):
        return problem
    if isinstance(problem, FileNotFoundError) and problem.filename is None and not _is_somewhere():
        hint = "cd to a folder that exists, then run the command again"
        return StoreError("the current folder was deleted", where=os.environ.get("PWD", ""), hint=hint)
    if isinstance(problem, OSError):
        message, hint = _SYSTEM.get(problem.errno or 0, ((problem.strerror or str(problem)).lower(), ""))
        return StoreError(message, where=str(problem.filename or ""), hint=hint)
    return TarkError(
        f"unexpected: {type(problem).__name__}: {problem}",
        hint="run it again with -vv and report what it prints",
    )
