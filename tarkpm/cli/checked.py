"""Commands that refuse an empty value.

``--tag "$TAG"`` with an unset TAG would otherwise mean the same as no ``--tag`` at all, and take the head of
the default branch (docs/decisions/0095-an-empty-value-is-an-error.md).
"""

from typing import Any

import click


class CheckedCommand(click.Command):
    """A command whose options and arguments are never an empty string."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises `click.UsageError` for an empty value."""
        try:
            if not ctx.resilient_parsing:  # for completions, a word that is being typed may be empty
                self._check(ctx, list(args))
            return super().parse_args(ctx, args)
        except click.UsageError as problem:
            problem.ctx = problem.ctx or ctx  # click's parser does not know whose options it reads
            raise

    def _check(self, ctx: click.Context, args: list[str]) -> None:
        # Before conversion: `click.Path` turns "" into ".", which is a value that a user may type.
        given, _, _ = self.make_parser(ctx).parse_args(args)
        for param in self.get_params(ctx):
            if _is_empty(given.get(param.name or "")):
                raise click.UsageError(f"expected a value for {_shown(param)}, found an empty string", ctx)


class CheckedGroup(CheckedCommand, click.Group):
    """A group whose commands are `CheckedCommand`."""

    command_class = CheckedCommand
    group_class = type


def _is_empty(value: Any) -> bool:
    return "" in value if isinstance(value, list | tuple) else isinstance(value, str) and not value


def _shown(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or (param.name or "").upper()).strip("[]").removesuffix("...")
