"""Render pages, feeds and llms.txt with Jinja. Pure but for reading the templates of the package.

Autoescape is on, and every text is made `neutral` first, because both apply to what a template prints without
it saying so. What a page says depends on the index and the options only, never on the clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from tarkpm.core.release_age import moment_text
from tarkpm.core.text import neutral
from tarkpm.core.tool_text import indented
from tarkpm.registry.authority import Authority
from tarkpm.registry.site.facts import PageFacts
from tarkpm.registry.site.lists import BrowsePage, PendingLine, Recent, RoleLine
from tarkpm.registry.site.memory import AdvisedLine, Known
from tarkpm.registry.site.readme import REL, render, safe_url

POLICY: Final = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; "
    "form-action 'self' file:; base-uri 'none'"
)
"""The policy in each page, for hosts that send none. ``file:`` is for pages that are opened from a folder:
their origin is opaque, and 'self' matches nothing then (Content Security Policy Level 3, 6.7.2.8)."""

MAX_SHOWN: Final = 300
"""Advisories on their page, the newest ones."""
FRONT: Final = 10
"""Releases on the front page."""
ASSETS: Final = ("icon.svg", "site.css", "site.js")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Options(msgspec.Struct, frozen=True):
    """What the maintainer says: where the site and the index will be served, "" if that is not known."""

    url: str = ""
    index_url: str = ""
    tools: bool = False


class Pages:
    """The pages of one index, with the options of its site."""

    def __init__(self, index: str, root: str, options: Options) -> None:
        self.index, self.root, self.options = index, root, options

    @cached_property
    def _templates(self) -> Environment:
        made = Environment(
            loader=FunctionLoader(_template),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_plain,
        )
        made.filters |= {
            "iso": moment_text,
            "day": _day,
            "size": _size,
            "number": "{:,}".format,
            "url": safe_url,
            "host": lambda url: urlsplit(url).netloc,
            "lines": _lines,
            "schema": lambda text: _lines(indented(text)),
        }
        made.globals |= {"index": self.index, "root": self.root, "policy": POLICY, "rel": REL}
        return made

    @property
    def add_index(self) -> str:
        """The command that adds the index to a project."""
        return f"tarkpm index add {self.index} {self.options.index_url or 'URL'} --root {self.root}"

    def _page(self, template: str, here: str, top: str = "", **facts: Any) -> bytes:
        return self._templates.get_template(template).render(top=top, here=here, **facts).encode() + b"\n"

    def assets(self) -> Iterable[tuple[str, bytes]]:
        """Yield the style, the script and the icon."""
        return ((f"assets/{name}", _resource("assets", name)) for name in ASSETS)

    def feed(self, feed: Mapping[str, Any]) -> bytes:
        """Return an Atom feed."""
        return self._templates.get_template("feed.atom").render(feed=feed).encode() + b"\n"

    def plugin(self, facts: PageFacts) -> bytes:
        """Return the page of a plugin."""
        readme = render(facts.words.readme) if facts.words.readme else ""
        return self._page("plugin.html", f"plugins/{facts.name}", "../../", p=facts, readme=readme)

    def front(self, count: int, recent: Sequence[Recent]) -> bytes:
        """Return the front page."""
        newest = list({one.name: one for one in sorted(recent)}.values())[: -FRONT - 1 : -1]
        return self._page("index.html", "index.html", count=count, releases=newest, add_index=self.add_index)

    def browse(self, page: BrowsePage) -> bytes:
        """Return a page of the list of all plugins."""
        return self._page("browse.html", "browse", "../", plugins=page.plugins, page=page, spans=())

    def browse_all(self, plugins: Sequence[Known]) -> bytes:
        """Return the list of all plugins on one page."""
        return self._page("browse.html", "browse/index.html", "../", plugins=plugins, page=None, spans=())

    def spans(self, spans: Sequence[tuple[str, str]]) -> bytes:
        """Return the list of the pages of the list of all plugins."""
        return self._page("browse.html", "browse/index.html", "../", plugins=(), page=None, spans=spans)

    def advisories(self, advisories: Iterable[AdvisedLine]) -> bytes:
        """Return the page of advisories."""
        newest = sorted(advisories, key=lambda one: (one.published, one.id), reverse=True)
        shown, more = newest[:MAX_SHOWN], len(newest[MAX_SHOWN:])
        return self._page("advisories.html", "advisories.html", advisories=shown, more=more)

    def maintainers(
        self, authority: Authority, roles: Sequence[RoleLine], pending: Sequence[PendingLine]
    ) -> bytes:
        """Return the page of maintainers."""
        return self._page("maintainers.html", "maintainers.html", a=authority, roles=roles, pending=pending)


def _plain(value: Any) -> Any:
    """Return what a template prints: plain text is made neutral; Jinja escapes it afterwards."""
    return neutral(value) if type(value) is str else value


def _template(name: str) -> str:
    return _resource("templates", name).decode()


def _resource(folder: str, name: str) -> bytes:
    return (files("tarkpm.registry.site") / folder / name).read_bytes()


def _lines(text: str) -> Markup:
    """Return text of several lines, escaped, with its line breaks."""
    return Markup(escape(neutral(text, keep="\n\t")))  # noqa: S704  it is escaped here


def _day(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _size(count: int) -> str:
    """Return a number of bytes for people.

    >>> _size(900), _size(21_500), _size(3_400_000)
    ('900 bytes', '21.0 KiB', '3.2 MiB')
    """
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


def fingerprint() -> Mapping[str, bytes]:
    """Return everything in the package that decides the bytes of a page, by name."""
    package = files("tarkpm.registry.site")
    found: dict[str, bytes] = {}
    for folder in (package, package / "templates", package / "assets"):
        found |= {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    return found
