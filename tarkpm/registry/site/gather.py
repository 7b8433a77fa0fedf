"""Gather from an index what a page says about one plugin, and what is remembered of it."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.advisory import Advisory
from tarkpm.core.claim import Claim
from tarkpm.core.layout import rows_path
from tarkpm.core.release import IndexSource, PluginName, folded
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.search import MAX_DESCRIPTION, entry_of
from tarkpm.core.text import ellipsis
from tarkpm.core.tool import ToolDef
from tarkpm.errors import IndexUntrusted, TarkError
from tarkpm.registry.folder import Index
from tarkpm.registry.site.changes import PageInputs
from tarkpm.registry.site.facts import (
    MAX_DEPENDENTS,
    MAX_RELEASES,
    PageFacts,
    ReleaseFacts,
    Words,
    powers_of,
    releases_of,
    shown_row,
    signer_of,
    words_of,
)
from tarkpm.registry.site.memory import RECENT, Known
from tarkpm.registry.site.search import SearchCard

AskTools = Callable[[PluginName, ReleaseRow, bytes], Sequence[ToolDef]]
"""Return the tools of a verified release of a tool plugin, from its module. The host's, a layer beside."""

KEPT: Final = 500
"""Plugins whose documents are read once and not twice. All releases of 100,000 would be gigabytes."""


class Gather:
    """Reads plugins and advisories of an index, each advisory once."""

    def __init__(self, index: Index, ask_tools: AskTools | None) -> None:
        self.index = index
        self._ask_tools = ask_tools
        self._source = IndexSource(index.name, index.first_root)
        self._read: dict[str, Advisory] = {}
        self._plugins: dict[str, tuple[Listing, Claim | None]] = {}

    def _plugin(self, name: str) -> tuple[Listing, Claim | None]:
        if name in self._plugins:
            return self._plugins[name]
        found = self.index.listing(PluginName(name)), self.index.claim(PluginName(name))
        if len(self._plugins) < KEPT:
            self._plugins[name] = found
        return found

    def known(self, name: str, documents: PageInputs) -> Known | None:
        """Return what is known of a plugin, None if it has no releases.

        Raises `IndexUntrusted` for one that clients refuse: whoever stole the online key can list releases,
        but not claim a name.
        """
        listing, claim = self._plugin(name)
        if folded(listing.name) != name or claim is None or claim.name != listing.name:
            raise IndexUntrusted(
                "the listed releases are not those of a claimed name", where=rows_path(PluginName(name))
            )
        if not listing.rows:
            return None
        entry, row = entry_of(listing, claim), shown_row(listing, claim)
        description = ellipsis(" ".join(row.description.split()), MAX_DESCRIPTION)
        offered = (one.row for one in releases_of(listing, claim, ()) if one.is_offered)
        times = [(one.published, str(one.version)) for one in offered if one.published is not None]
        return Known(
            listing.name,
            documents.rows,
            documents.claim,
            documents.advisories,
            SearchCard(
                listing.name, str(row.version), row.type, entry.capabilities if entry else (), description
            ),
            entry is not None,
            tuple(one.name for one in row.requires),
            tuple(heapq.nlargest(RECENT, times)),
        )

    def facts(
        self,
        known: Known,
        documents: PageInputs,
        plugins: Mapping[str, Known],
        dependents: Sequence[str],
    ) -> PageFacts:
        """Return what the page of a plugin says; ``dependents`` are names, sorted."""
        name = PluginName(known.name)
        listing, claim = self._plugin(folded(name))
        assert claim is not None
        advisories = [one for id_ in sorted(documents.advisories) if (one := self.advisory(id_))]
        releases = releases_of(listing, claim, advisories)
        shown = next(one for one in releases if str(one.row.version) == known.card.version)
        words, tools = self._words(name, shown)
        in_index = {one.name: plugins.get(folded(one.name)) for one in shown.row.requires}
        return PageFacts(
            name=name,
            shown=shown,
            releases=tuple(releases[:MAX_RELEASES]),
            older=len(releases[MAX_RELEASES:]),
            signer=signer_of(releases, claim.key),
            powers=powers_of(shown.row.capabilities),
            requires=tuple(
                (one, there.name if (there := in_index[one.name]) else "") for one in shown.row.requires
            ),
            dependents=tuple(dependents[:MAX_DEPENDENTS]),
            more_dependents=len(dependents[MAX_DEPENDENTS:]),
            advisories=tuple(advisories),
            words=words,
            tools=tools,
        )

    def _words(self, name: PluginName, shown: ReleaseFacts) -> tuple[Words, Sequence[ToolDef] | None]:
        # What a revoked release says is not shown: it may be an attacker's.
        if shown.revoked:
            return Words(), None
        # One broken release must not stop the pages of all others: its own page says what is wrong with it.
        try:
            words, module = words_of(self.index.folder, self._source, self.index.authority.log, name, shown)
        except TarkError as problem:
            return Words(problem=problem.message), None
        if self._ask_tools is None or shown.row.type != "tool":
            return words, None
        try:
            return words, self._ask_tools(name, shown.row, module)
        except TarkError as problem:
            return msgspec.structs.replace(words, tools_problem=problem.message), None

    def advisory(self, id_: str) -> Advisory | None:
        """Return an advisory; None if the index does not have it."""
        if id_ not in self._read and (found := self.index.advisory(id_)):
            self._read[id_] = found
        return self._read.get(id_)
