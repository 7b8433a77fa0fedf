"""The page of exit codes, from the tree of errors."""

from collections.abc import Iterator

from docgen.markdown import code, link, page, table
from tarkpm import errors
from tarkpm.errors import TarkError

MEANING = {
    0: "The command succeeded.",
    1: "There are findings or drift, or a plugin's call failed.",
    2: "The command line or a document is wrong, or an error was not expected.",
    3: "A signature, digest or key is wrong, or a team policy forbids it.",
    4: "Your consent is needed.",
    5: "Something could not be checked, for example because a server is down.",
    6: "Another process holds a lock.",
    130: "You interrupted the command.",
}


def classes(parent: type[TarkError] = TarkError) -> Iterator[type[TarkError]]:
    """Yield the errors in the order of the tree, each class before those derived from it."""
    if parent.__module__ == errors.__name__:  # a test may derive classes of its own
        yield parent
        for child in parent.__subclasses__():
            yield from classes(child)


def render() -> str:
    """Return the page."""
    statuses = table(("status", "meaning"), ((str(status), text) for status, text in MEANING.items()))
    rows = ((_name(one), str(one.exit_status), _fact(one)) for one in classes())
    return page(
        "Exit codes",
        "`tarkpm/errors.py`",
        statuses,
        _WHERE_ONE,
        "## Errors",
        "`--json` prints the class of an error as `code`. Class names and statuses do not change.",
        table(("class", "status", "meaning"), rows),
    )


_WHERE_ONE = """\
Status 3 and 5 differ because a server that is down must never look like an attack, nor an attack like an outage.

Some commands use a status without an error:

| command | status |
|---|---|
| `verify` | 3 if a finding is about a digest, signature or key, 4 if your consent is missing, otherwise 1; notes do not count |
| `check` | 3 if an error is about a digest or signature, otherwise 1; warnings do not count |
| `test` | 1 if a case fails |
| `doctor`, `index check` | 1 if there is a problem; notes do not count |
| `outdated` | 1 if a plugin is listed, 5 if a repository could not be reached |
| `tools` | 1 if the tools of a plugin could not be listed |
| `policy check` | 1 if a team policy forbids a plugin |
| `hook run` | 1 if a plugin stopped the event or failed |"""


def _name(one: type[TarkError]) -> str:
    return link(code(one.__name__), f"../troubleshooting.md#{family(one).lower()}")


def family(one: type[TarkError]) -> str:
    """Return the name of the class below `TarkError` from which an error is derived."""
    parents = one.__mro__
    return parents[max(0, parents.index(TarkError) - 1)].__name__


def _fact(one: type[TarkError]) -> str:
    return (one.__doc__ or "").partition("\n")[0].partition(". ")[0].rstrip(".") + "."
