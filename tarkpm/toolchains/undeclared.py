"""What a source asks of its world while it is built and does not get, and what to do about it."""

import re
from typing import Final

from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MANIFEST
from tarkpm.toolchains.component.wit import read_package
from tarkpm.toolchains.resources import wit_files

EXAMPLES: Final = {
    "storage": "storage = true",
    "http": 'http = ["api.example.com"]',
    "env": 'env = ["EXAMPLE_TOKEN"]',
    "shell": "shell = true",
    "filesystem": 'filesystem = ["docs/:ro"]',
}
"""By interface: how plugin.toml declares it."""
_CALLED: Final = re.compile(
    r"(?:unknown import: `|called trapping stub: )tark:plugin/([a-z-]{1,40})#([a-z-]{1,40})"
)
"""How componentize-qjs 0.4 and componentize-py 0.25 say that a source called its host."""


def called(output: str) -> tuple[str, str] | None:
    """Return message and hint for a source that calls the host while it is built; None if it did not."""
    found = _CALLED.search(output)
    if found is None:
        return None
    text = f"the source calls '{found[1]}.{found[2]}' while it is built: there is no host yet"
    return text, "move the call into a function of the plugin: code outside functions runs at the build"


def undeclared(name: str) -> tuple[str, str]:
    """Return message and hint for a source that imports an interface ``name`` that its world lacks."""
    if name in EXAMPLES:
        text = f"the source imports '{name}', which {MANIFEST} does not declare"
        return text, f"under [capabilities], write {EXAMPLES[name]}"
    known = read_package(text.decode() for text in wit_files().values()).interfaces
    near = did_you_mean(name, [one for one in known if not one.endswith("-plugin")])
    return f"the source imports '{name}', which is not an interface of tark{near}", "tarkpm wit"
