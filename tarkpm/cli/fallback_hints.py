"""Default hints: what to do about an error whose place gave no hint, by its kind and place."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final

from tarkpm import errors
from tarkpm.core import variables
from tarkpm.core.names import LOCK, PROJECT
from tarkpm.core.release import is_plugin_name
from tarkpm.errors import TarkError
from tarkpm.ops.audit.readiness import variable_of

_Table = tuple[tuple[type[TarkError] | tuple[type[TarkError], ...], str], ...]

_URL: Final = re.compile(r"(?:https?|git|ssh|file)://\S*[^\s:]")
_OCI: Final = re.compile(r"oci://(?P<registry>[^/\s]+)(?:/[^\s:@]+)?")
_RELEASE: Final = (errors.DocumentError, errors.VerificationError)

_ALWAYS: Final[_Table] = (
    (errors.ConsentError, ""),  # the user just answered no: nothing to help with
    (errors.KeyUntrusted, "ask the publisher over another channel which key is right"),
)
_IN_A_DOCUMENT: Final[_Table] = (
    ((errors.ProjectError, errors.LockError), "fix the file, then: tarkpm lock --check"),
)
_INDEX_FILE: Final = re.compile(
    r"/(?:metadata/[^/]+\.json|targets/(?:publishers|index)/[^/]+|files/[0-9a-f]{64})$"
)
_OF_AN_INDEX: Final[_Table] = (
    (errors.Unreachable, "check the address: tarkpm index list"),
    (
        (errors.SourceError, errors.VerificationError),
        "tell the index maintainers; they run: tarkpm index check --deep",
    ),
)
_KEEPING_ONE: Final[_Table] = (
    (errors.IndexUntrusted, "tarkpm index check"),
    ((errors.ManifestError, errors.ModuleInvalid), "fix the file, then run the command again"),
    (
        (errors.SignatureInvalid, errors.DigestMismatch),
        "its publisher can sign it again: tarkpm publish --help",
    ),
    ((errors.SourceError, errors.VerificationError, errors.DocumentError), "{program} --help"),
)
_IN_A_REPOSITORY: Final[_Table] = (
    ((errors.Unreachable, errors.NotFound), "try it with git: git ls-remote {url}"),
    (
        (*_RELEASE, errors.ModuleInvalid),
        "tell the publisher, or choose another release: --tag, --branch or --rev",
    ),
)
_IN_A_REGISTRY: Final[_Table] = (
    (errors.Unreachable, "see whether it answers: curl -I https://{registry}/v2/"),
    ((*_RELEASE, errors.ModuleInvalid), "tell the publisher, or choose another tag: tarkpm versions {oci}"),
)
_SOMEWHERE: Final[_Table] = ((_RELEASE, "fix the file, then run the command again"),)
_ADDED: Final[_Table] = (
    (errors.Unreachable, "check the address, then run the command again"),
    (errors.SourceError, "see the kinds of sources: tarkpm add --help"),
)
_ADDED_INDEX: Final[_Table] = ((errors.Unreachable, "check the address: tarkpm index add --help"),)
_AT_A_PLUGIN: Final[_Table] = ((errors.HostError, "tarkpm info {name}"),)
_ON_DISK: Final[_Table] = ((errors.StoreError, "{placed}ls -ld {above}{where}"), *_SOMEWHERE)


def last_resort(error: TarkError, words: Sequence[str]) -> str:
    """Return a hint for an error, chosen by its class and the kind of place it happened at.

    ``words`` are those of the typed command, such as ``["index", "add"]``; none if there is no command.
    """
    command = next(iter(words), "")
    url = found[0] if (found := _URL.match(error.where)) else ""
    oci = _OCI.match(error.where)
    # A false proof of a log in an artifact is no index's fault.
    by_index = isinstance(error, errors.IndexUntrusted | errors.IndexStale) and not oci
    of_an_index = (by_index or _INDEX_FILE.search(error.where)) and (url or command != "index")
    # From the most specific place to the least: the first table that knows the error gives the hint.
    places = (
        (_IN_A_DOCUMENT, {PROJECT, LOCK} & {*re.split(r"[/: ]", error.where)}),
        (_ADDED_INDEX, [*words] == ["index", "add"]),
        (_OF_AN_INDEX, of_an_index),
        (_IN_A_REPOSITORY, url),
        (_IN_A_REGISTRY, oci),
        (_KEEPING_ONE, command == "index"),
        (_ON_DISK, error.where.startswith("/")),
        (_SOMEWHERE, error.where),
        (_ADDED, command == "add"),
        (_AT_A_PLUGIN, command != "inspect" and is_plugin_name(error.where.partition(":")[0])),
    )
    tables = [_ALWAYS, *(table for table, is_there in places if is_there)]
    text = next(
        (text for table in tables for kinds, text in table if isinstance(error, kinds)), "{program} --help"
    )
    known = {
        "url": url,
        "oci": oci[0] if oci else "",
        "registry": oci["registry"] if oci else "",
        "name": error.where.partition(":")[0],
        "where": error.where,
        "above": str(PurePath(error.where).parent),  # a folder's mode decides what may be done in it
    }
    if blocked := _in_the_way(error.where):
        known |= {"above": "", "where": blocked}
    quoted = {key: shlex.quote(value) for key, value in known.items()}
    quoted["above"] = f"{quoted['above']} " if known["above"] else ""
    return text.format_map({**quoted, "program": program(words), "placed": _placed(error.where)})


def _in_the_way(where: str) -> str:
    """Return the part of a path that is there: a file in the way of a folder, or the folder that ends it.

    "" if the whole path is there, or not even its beginning: then the path itself is what to look at.
    """
    # `ls` fails for what does not exist, and what is in the way is above it.
    parents = PurePath(where).parents if where.startswith("/") and not os.path.lexists(where) else ()
    found = next((str(one) for one in parents if os.path.lexists(one)), "/")
    return "" if found == "/" else found


_NEEDS_NETWORK: Final = re.compile(r"tarkpm (?:add|lock|outdated|search|update|versions)\b")


def online(hint: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a hint that works although network requests are forbidden for the command that failed."""
    if not _NEEDS_NETWORK.match(hint) or "--offline" in shlex.split(hint):
        return hint
    with suppress(TarkError):
        if variables.flag(environment, "TARKPM_OFFLINE"):
            return f"unset TARKPM_OFFLINE, then: {hint}"
    return f"with a network: {hint}" if "--offline" in arguments else hint


def _placed(where: str) -> str:
    """Return the beginning of a hint about a path that a variable other than HOME placed."""
    variable = variable_of(PurePath(where), os.environ)
    return f"{variable} names this folder: " if variable not in ("", "HOME") else ""


def program(words: Sequence[str]) -> str:
    """Return the command as it is called: the place of an error that has no other."""
    return " ".join(["tarkpm", *words])
