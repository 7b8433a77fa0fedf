"""Make the pages of an index: read what changed, render what it concerns, write what differs.

Pages of plugins are written before the lists, the search and the feeds that lead to them, and deleted after:
whoever reads meanwhile, or after the process was killed, finds whole pages, and can reach them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP
from tarkpm.core.release import folded
from tarkpm.errors import TarkError
from tarkpm.registry.folder import Index
from tarkpm.registry.lifetimes import to_text
from tarkpm.registry.site import lists
from tarkpm.registry.site import memory as memories
from tarkpm.registry.site.changes import PageInputs, look
from tarkpm.registry.site.feeds import Feeds
from tarkpm.registry.site.gather import AskTools, Gather
from tarkpm.registry.site.lists import BrowsePage, PendingLine
from tarkpm.registry.site.memory import AdvisedLine, Known, SiteMemory
from tarkpm.registry.site.output import Output
from tarkpm.registry.site.pages import Options, Pages, fingerprint
from tarkpm.registry.site.search import MAX_TOOLS, SearchCard, search_files


class Built(msgspec.Struct, frozen=True):
    """What a run did: files by what happened to them, and why plugins are not shown, or not completely."""

    plugins: int
    written: int
    unchanged: int
    removed: int
    problems: tuple[tuple[str, str], ...] = ()


class SiteBuild:
    """One run. ``file`` is where the memory is kept, and ``version`` that of tarkpm."""

    def __init__(
        self,
        index: Index,
        output: Output,
        file: Path,
        options: Options,
        *,
        version: str,
        ask_tools: AskTools | None = None,
    ) -> None:
        self.index, self.output, self.file = index, output, file
        self.pages = Pages(index.name, index.first_root, options)
        self.feeds = Feeds(self.pages)
        self._gather = Gather(index, ask_tools)
        self._key = _key(options, f"{version} {index.root.signed.version}")
        self._refused: list[tuple[str, str]] = []

    def run(self, pending: Sequence[PendingLine]) -> Built:
        """Bring the folder up to date. Raises `IndexUntrusted` and `Refused`."""
        self.output.check(self.index.folder)
        old = self._memory()
        found = look(self.index, old)
        plugins = self._plugins(old, found.documents)
        advisories = self._advisories(old, found.documents)
        for path, data in self.pages.assets():
            self.output.put(path, data)
        self._write_plugins(old, plugins, found.documents)
        searched = self._write_search(old, plugins)
        browsed = self._write_browse(old, plugins)
        self._write_ends(plugins, browsed, advisories, {**found.roles, **self._single_roles()}, pending)
        self._sweep(plugins, searched, browsed, after_all=not old.roles)
        memory = SiteMemory(self._key, self.index.first_root, found.roles, plugins, advisories)
        # The memory first: a stamp that named one that is not there would have all pages rendered again.
        self.output.close(self.output.stamp if memory == old else memories.save(self.file, memory))
        problems = [(one.name, one.problem) for one in plugins.values() if one.problem]
        done = self.output
        return Built(len(plugins), done.written, done.unchanged, done.removed, (*self._refused, *problems))

    def _memory(self) -> SiteMemory:
        stamp = self.output.stamp
        found = memories.load(self.file, stamp) if stamp else None
        fits = found and (found.key, found.root) == (self._key, self.index.first_root)
        return found if found and fits else SiteMemory()

    def _plugins(self, old: SiteMemory, documents: Mapping[str, PageInputs]) -> dict[str, Known]:
        """Return the plugins by folded name, those that changed as their documents are now."""
        plugins = {}
        for name, now in sorted(documents.items()):
            known = old.plugins.get(name)
            if known and (known.rows, known.claim, known.advisories) == (now.rows, now.claim, now.advisories):
                plugins[name] = known
                continue
            try:
                if changed := self._gather.known(name, now):
                    plugins[name] = changed
            except TarkError as problem:
                self._refused.append((name, problem.message))
        return plugins

    def _write_plugins(
        self, old: SiteMemory, plugins: dict[str, Known], documents: Mapping[str, PageInputs]
    ) -> None:
        """Write the page and feed of each plugin that changed, or that links to what did."""
        before, dependents = lists.dependents_of(old.plugins), lists.dependents_of(plugins)
        here, appeared = self.output.names("plugins"), plugins.keys() ^ old.plugins.keys()
        for name, known in list(plugins.items()):
            if (
                old.plugins.get(name) is known
                and known.name in here
                and before.get(name) == dependents.get(name)
                and not any(folded(one) in appeared for one in known.requires)
            ):
                continue
            facts = self._gather.facts(known, documents[name], plugins, dependents.get(name, ()))
            self.output.put(f"plugins/{known.name}/releases.atom", self.feeds.plugin(facts))
            self.output.put(f"plugins/{known.name}/index.html", self.pages.plugin(facts))
            tools = tuple(tool.name for tool in (facts.tools or ())[:MAX_TOOLS])
            card = msgspec.structs.replace(known.card, tools=tools)
            problem = facts.words.problem or facts.words.tools_problem
            plugins[name] = msgspec.structs.replace(known, card=card, problem=problem)

    def _advisories(self, old: SiteMemory, documents: Mapping[str, PageInputs]) -> dict[str, AdvisedLine]:
        """Return every advisory as the pages list it; those that are remembered are not read again."""
        listed = {id_: when for one in documents.values() for id_, when in one.advisories.items()}
        found = {}
        for id_, when in sorted(listed.items()):
            known = old.advisories.get(id_)
            if known and known.modified == when:
                found[id_] = known
            elif one := self._gather.advisory(id_):
                found[id_] = lists.advised(one)
        return found

    def _write_search(self, old: SiteMemory, plugins: Mapping[str, Known]) -> dict[str, set[str]]:
        """Write the files of the search; returns their names by folder."""
        found: dict[str, set[str]] = defaultdict(set)
        for file in search_files(_cards(plugins), _cards(old.plugins)):
            folder, _, name = f"search/{file.path}".rpartition("/")
            found[folder].add(name)
            self.output.put_changed(folder, name, file.make, is_same=file.is_same)
        return found

    def _write_browse(self, old: SiteMemory, plugins: Mapping[str, Known]) -> list[BrowsePage]:
        """Write the list of all plugins, in pages if it is long; returns these."""
        pages = lists.browse_pages(_by_name(plugins))
        if len(pages) < 2:
            self.output.put("browse/index.html", self.pages.browse_all(_by_name(plugins)))
            return []
        before = {page.name: page for page in lists.browse_pages(_by_name(old.plugins))}
        for page in pages:
            make = partial(self.pages.browse, page)
            self.output.put_changed("browse", page.name, make, is_same=before.get(page.name) == page)
        self.output.put("browse/index.html", self.pages.spans([page.span for page in pages]))
        return pages

    def _write_ends(
        self,
        plugins: Mapping[str, Known],
        browsed: Sequence[BrowsePage],
        advisories: Mapping[str, AdvisedLine],
        roles: Mapping[str, tuple[int, str]],
        pending: Sequence[PendingLine],
    ) -> None:
        """Write what leads to the pages: feeds, the pages about the whole index, and the front page."""
        recent, known = lists.recent_of(plugins.values()), _by_name(plugins)
        put, pages, feeds = self.output.put, self.pages, self.feeds
        put("releases.atom", feeds.releases(recent))
        put("advisories.atom", feeds.advisories(advisories.values()))
        put("advisories.html", pages.advisories(advisories.values()))
        put("maintainers.html", pages.maintainers(self.index.authority, lists.role_lines(roles), pending))
        put("llms.txt", feeds.llms(known, [page.span for page in browsed]))
        put("index.html", pages.front(len(plugins), recent))

    def _sweep(
        self,
        plugins: Mapping[str, Known],
        searched: Mapping[str, set[str]],
        browsed: Sequence[BrowsePage],
        *,
        after_all: bool,
    ) -> None:
        """Delete pages of what is gone; after a run that rendered everything, also what a killed one left."""
        names = {one.name for one in plugins.values()}
        self.output.sweep("browse", {"index.html", *(page.name for page in browsed)})
        self.output.sweep("plugins", names)
        folders = {folder.partition("/")[2] for folder in searched} - {""}
        for folder, files in searched.items():
            self.output.sweep(folder, files | (folders if folder == "search" else set()))
        if after_all:
            for name in sorted(names):
                self.output.sweep(f"plugins/{name}", {"index.html", "releases.atom"})
            self.output.sweep("assets", {path.rpartition("/")[2] for path, _ in self.pages.assets()})
            self.output.sweep_temporary()

    def _single_roles(self) -> dict[str, tuple[int, str]]:
        index = self.index
        online = {SNAPSHOT: index.snapshot, TIMESTAMP: index.timestamp}
        signed = {ROOT: index.root.signed, **index.delegations, **online}
        return {role: (one.version, to_text(one.expires)) for role, one in signed.items()}


def _cards(plugins: Mapping[str, Known]) -> list[SearchCard]:
    return [one.card for one in plugins.values() if one.usable]


def _by_name(plugins: Mapping[str, Known]) -> list[Known]:
    return sorted(plugins.values(), key=lambda one: one.name)


def _key(options: Options, version: str) -> str:
    """Return the digest of everything but the index that decides the bytes of the pages."""
    parts = [version.encode(), msgspec.json.encode(options)]
    parts += [part for name, data in sorted(fingerprint().items()) for part in (name.encode(), data)]
    return sha256(b"\0".join(parts))
