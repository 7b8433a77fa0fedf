"""A WebAssembly package without plugin.toml, as wkg and others push it: its name, and what it may do.

tarkpm writes the plugin.toml that is missing. Everything in it follows from the place and from the module, so
that every machine writes the same bytes, whose digest is in tark.lock: the name from the repository, the
version from the tag, the type from the exports. It declares no capability, so none is ever granted
(docs/decisions/0207).
"""

from collections.abc import Sequence
from typing import Final

from tarkpm.core.oci.checked import tagged_version
from tarkpm.core.release import OciSource, plugin_name
from tarkpm.core.text import some
from tarkpm.errors import ModuleInvalid, Refused

MODULE: Final = "plugin.wasm"
"""What the module is called, whatever the package calls it."""


def bare_manifest(source: OciSource, types: Sequence[str]) -> bytes:
    """Return the plugin.toml of a package at a source, whose module fits these types of plugins.

    Raises `Refused` for a repository whose name is none of a plugin or a tag that names no version, and
    `ModuleInvalid` unless the module fits exactly one type.
    """
    where = str(source)
    if len(types) != 1:
        which = f"fits several types: {some(types)}" if types else "is no plugin of tark"
        raise ModuleInvalid(f"the package has no plugin.toml, and its module {which}", where=where)
    try:
        name = plugin_name(source.oci.rpartition("/")[2])
    except ValueError as problem:
        text = f"the package has no plugin.toml, and its repository has no plugin's name: {problem}"
        raise Refused(text, where=where) from None
    version = tagged_version(source)
    if version is None:
        raise Refused(
            "the package has no plugin.toml, so a tag has to name its version",
            where=where,
            hint=f"tarkpm versions oci://{source.oci}",
        )
    # These bytes are locked. A change of them would make every such lock stale.
    return f'[plugin]\nname = "{name}"\nversion = "{version}"\ntype = "{types[0]}"\n'.encode()
