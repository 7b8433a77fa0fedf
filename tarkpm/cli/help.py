"""The help of last resort: what to do about a kind of error where its place knew nothing better."""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from tarkpm import errors
from tarkpm.errors import TarkError

_Table = tuple[tuple[type[TarkError] | tuple[type[TarkError], ...], str], ...]

_URL: Final = re.compile(r"(?:https?|git|ssh|file)://\S*[^\s:]")
_RELEASE: Final = (errors.DocumentError, errors.VerificationError)

_ALWAYS: Final[_Table] = (
    (errors.ConsentError, ""),  # somebody just said no
    (errors.KeyUntrusted, "ask the publisher, elsewhere than there, which key is right"),
    ((errors.ProjectError, errors.LockError), "mend it there, then: tarkpm lock --check"),
)
_IN_A_REPOSITORY: Final[_Table] = (
    ((errors.Unreachable, errors.NotFound), "see what git says: git ls-remote {url}"),
    (_RELEASE, "tell its publisher; another release may do: --tag, --branch or --rev"),
)
_SOMEWHERE: Final[_Table] = (
    (_RELEASE, "mend it there, then run the command again"),
    (errors.SourceError, "which sources there are: tarkpm add --help"),
    (errors.HostError, "tarkpm info {name}"),
)
_ON_DISK: Final[_Table] = ((errors.StoreError, "ls -ld {above} {where}"), *_SOMEWHERE)


def last_resort(error: TarkError, arguments: Sequence[str], command: str) -> str:
    """A sentence with a command in it, told by the error's kind and the kind of place it happened at.

    ``command`` is the one among ``arguments``, "" if there is none.
    """
    if isinstance(error, errors.Unreachable) and {"--offline", "--frozen"} & set(arguments):
        return "run it again with a network, and without --offline"
    url = found[0] if (found := _URL.match(error.where)) else ""
    places = ((_IN_A_REPOSITORY, url), (_ON_DISK, error.where.startswith("/")), (_SOMEWHERE, error.where))
    tables = [table for table, is_there in places if is_there]
    text = next(
        (text for table in (_ALWAYS, *tables) for kinds, text in table if isinstance(error, kinds)),
        f"{program(command)} --help",
    )
    known = {
        "url": url,
        "name": error.where.partition(":")[0],
        "where": error.where,
        "above": str(PurePath(error.where).parent),  # what may be done in a folder is written on the folder
    }
    return text.format_map({key: shlex.quote(value) for key, value in known.items()})


def program(command: str) -> str:
    """How a command is called: where the mistake is, if it is nowhere else."""
    return f"tarkpm {command}".rstrip()
