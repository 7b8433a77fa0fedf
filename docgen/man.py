"""Man pages, by click-man from the same command tree as the page of commands (docs/decisions/0168)."""

from collections.abc import Iterator
from pathlib import Path

import click

from docgen.commands import below, root
from docgen.exit_codes import MEANING
from tarkpm import __version__
from tarkpm.cli.examples import EXAMPLES


def write(folder: Path) -> int:
    """Write one page for each command into ``folder``; return their number."""
    from click_man.core import write_man_pages

    folder.mkdir(parents=True, exist_ok=True)
    top = root()
    contexts = [top, *_filled(top)]
    write_man_pages("tarkpm", top.command, version=__version__, target_dir=str(folder))
    for context in contexts:
        with (folder / f"{context.command_path.replace(' ', '-')}.1").open("a", encoding="utf-8") as page:
            page.write("".join(_more(context)))
    return len(contexts)


def _filled(parent: click.Context) -> Iterator[click.Context]:
    """Yield the contexts of all commands, each entered into its group's ``commands``.

    click-man reads these, where a `LazyGroup` has none, and cuts a summary after 45 characters unless a
    command has a ``short_help``.
    """
    assert isinstance(parent.command, click.Group)
    parent.command.short_help = parent.command.get_short_help_str(1_000)
    for context in below(parent):
        command = context.command
        command.short_help = command.get_short_help_str(1_000)
        parent.command.commands[str(context.info_name)] = command
        yield context
        if isinstance(command, click.Group):
            yield from _filled(context)


def _more(context: click.Context) -> Iterator[str]:
    """Yield what click-man leaves out: examples, exit statuses and where to read on."""
    if examples := EXAMPLES.get(context.command_path.partition(" ")[2]):
        yield f".SH EXAMPLES\n.EX\n{_escaped(chr(10).join(examples))}\n.EE\n"
    rows = "".join(f".TP\n{status}\n{_escaped(text)}\n" for status, text in MEANING.items())
    yield f".SH EXIT STATUS\n{rows}"
    if context.parent:
        yield f".SH SEE ALSO\n.BR {context.parent.command_path.replace(' ', '-')} (1)\n"


def _escaped(text: str) -> str:
    r"""Return a text that roff prints as it is: ``\`` begins an escape, and ``.`` or ``'`` at a line's start a request.

    ``\-`` and ``\(aq`` are the signs that a shell understands (groff_char(7)); the plain ones may be typeset.
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in escaped.split("\n"))
