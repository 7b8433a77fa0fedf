"""Plugin names, sources and requirements: the values that identify a release."""

from typing import Any, Final, NewType

import msgspec

from tarkpm.core import git_url
from tarkpm.core.file_names import folder_path
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.shapes import from_value
from tarkpm.core.tags import TagRange, tag_range, version_tag
from tarkpm.core.text import refuse_empty, short, without_login
from tarkpm.core.version import Range, Version
from tarkpm.errors import Refused

PluginName = NewType("PluginName", str)
"""A checked plugin name in lower case."""

MAX_NAME: Final = 64
TYPES: Final = ("auth", "tool", "provider", "hook", "channel")

_NAME = lazy_pattern(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_COMMIT = lazy_pattern(r"[0-9a-f]{40}")
_ROOT = lazy_pattern(r"sha256:[0-9a-f]{64}")


def plugin_name(text: str) -> PluginName:
    """Check a plugin name and return it in lower case. Raises `ValueError`."""
    # Only ASCII is lowered: other scripts have letters whose lower case is an ASCII letter (U+212A, Kelvin).
    name = text.lower() if text.isascii() else text
    if not is_plugin_name(name):
        found = without_login(text)[:80]  # the user may have typed a URL with a password
        raise ValueError(f"expected at most {MAX_NAME} letters and digits joined by - or _, found {found!r}")
    return PluginName(name)


def is_plugin_name(text: str) -> bool:
    """Return whether ``text`` is a plugin name as `plugin_name` spells it."""
    return len(text) <= MAX_NAME and bool(_NAME.fullmatch(text))


def folded(name: str) -> str:
    """Return the key under which names are unique: ``-`` and ``_`` are equal."""
    return name.replace("_", "-")


def names_folder(text: str) -> bool:
    """Return whether an argument is a local folder, as opposed to a plugin name or a URL."""
    return text in (".", "..") or text.startswith(("./", "../", "/", "~"))


def is_extra(name: str) -> bool:
    """Return whether a file is a licence or readme, which are installed with the plugin."""
    return "/" not in name and name.upper().startswith(("LICENSE", "LICENCE", "README"))


def is_commit(text: str) -> bool:
    """Return whether ``text`` is a full SHA-1 commit id in lower case."""
    return _COMMIT.fullmatch(text) is not None


class GitSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A folder of a git repository, at one commit once it is resolved.

    At most one of ``tag``, ``branch`` and ``rev`` is set; none means the remote's HEAD. As required, ``tag``
    may be a range on tags; once it is resolved, it is the tag that was taken. ``git`` is a URL without a
    password (docs/trust-rules.md, rule 11).
    """

    git: str
    tag: str = ""
    branch: str = ""
    rev: str = ""
    path: str = ""
    commit: str = ""

    def at(self, commit: str) -> "GitSource":
        """Return this source resolved to ``commit`` (40 hexadecimal digits)."""
        return msgspec.structs.replace(self, commit=commit)

    def unpinned(self) -> "GitSource":
        """Return the source as required, without the resolved commit."""
        return msgspec.structs.replace(self, commit="")

    @property
    def tag_range(self) -> TagRange | None:
        """The range on tags that ``tag`` is; None for the name of one tag, or none."""
        return tag_range(self.tag) if self.tag else None

    def leads_to(self, locked: "Source") -> bool:
        """Return whether a locked source is this one at some commit, for a range at a tag within it.

        The version that counts is the one that the tag names: plugin.toml's is checked as for any release.
        """
        if not isinstance(locked, GitSource):
            return False
        wanted = self.tag_range
        if wanted is None:
            return locked.unpinned() == self
        return msgspec.structs.replace(locked, tag=self.tag, commit="") == self and wanted.admits(
            version_tag(locked.tag)
        )

    @property
    def ref(self) -> str:
        """The ref as text: ``tag v1.0.0``, ``branch main``, ``HEAD``."""
        for kind in ("tag", "branch", "rev"):
            if value := getattr(self, kind):
                return f"{kind} {value}"
        return "HEAD"

    def __str__(self) -> str:
        return self.git + (f" folder {self.path}" if self.path else "") + f" {self.ref}"


class OciSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A repository of an OCI registry, at one manifest once it is resolved.

    ``oci`` is the registry's host and the repository: ``ghcr.io/owner/text-tools``. As required, at most one
    of ``tag``, which may be a range, and ``digest`` is set; neither means the newest version. Once it is
    resolved, ``tag`` is the tag that was taken, and ``digest`` that of its manifest.
    """

    oci: str
    tag: str = ""
    digest: str = ""

    def unpinned(self) -> "OciSource":
        """Return the source as required; a digest without a tag is what was required."""
        return msgspec.structs.replace(self, digest="") if self.tag else self

    @property
    def tag_range(self) -> TagRange | None:
        """The range on tags from which one is taken; None for the name of one tag, or a digest."""
        return None if self.digest else tag_range(self.tag or "*")

    def leads_to(self, locked: "Source") -> bool:
        """Return whether a locked source is this one at some manifest, for a range at a tag within it."""
        if not isinstance(locked, OciSource) or locked.oci != self.oci:
            return False
        wanted = self.tag_range
        return wanted.admits(version_tag(locked.tag)) if wanted else locked.unpinned() == self

    @property
    def ref(self) -> str:
        """What is required, as text: ``tag 1.0.0``, a digest, or ``the newest version``."""
        return f"tag {self.tag}" if self.tag else self.digest or "the newest version"

    def __str__(self) -> str:
        at = f":{self.tag}" if self.tag else f"@{self.digest}" if self.digest else ""
        return f"oci://{self.oci}{at}"


class PathSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A local working copy. ``path`` is as written, relative to the project."""

    path: str

    def unpinned(self) -> "PathSource":
        """Return the source itself: a path is not resolved further."""
        return self

    def leads_to(self, locked: "Source") -> bool:
        """Return whether a locked source is this one."""
        return locked == self

    def __str__(self) -> str:
        return self.path


class IndexSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A community index: the project's nickname for it, and its identity, the digest of its first root."""

    index: str
    root: str

    def unpinned(self) -> "IndexSource":
        """Return the source itself: version and digests identify the chosen release."""
        return self

    def leads_to(self, locked: "Source") -> bool:
        """Return whether a locked source is this one."""
        return locked == self

    def __str__(self) -> str:
        return f"index {self.index}"


DirectSource = GitSource | OciSource | PathSource
"""A source that is asked for one plugin, unlike an index."""
Source = DirectSource | IndexSource
"""The source of a release. A plugin is identified by its name and its source."""


def source_from_table(table: dict[str, Any]) -> Source:
    """Read ``{ git = … }``, ``{ oci = … }``, ``{ path = … }`` or ``{ index = … }``. Raises `ValueError`."""
    refuse_empty(table)
    try:
        if "oci" in table:
            from tarkpm.core.oci.checked import checked_source

            return checked_source(from_value(table, OciSource))
        if "index" in table:
            found = from_value(table, IndexSource)
            return IndexSource(plugin_name(found.index), index_root(found.root))
        return _git_source(from_value(table, GitSource)) if "git" in table else from_value(table, PathSource)
    except msgspec.ValidationError as problem:
        from tarkpm.core.document import flaw

        expected = "expected { git = … }, { oci = … }, { path = … } or { index = … }"
        raise ValueError(f"{expected}: {flaw(problem)}") from None


def _git_source(source: GitSource) -> GitSource:
    # Two refs could point to different commits.
    if sum(map(bool, (source.tag, source.branch, source.rev))) > 1:
        raise ValueError("expected one of tag, branch and rev, found several")
    try:
        is_range = source.tag_range is not None
    except ValueError as problem:
        raise ValueError(f"tag: {problem}") from None
    # A lock names what was taken: a range in it would leave that to the next reader.
    if is_range and source.commit:
        raise ValueError(f"tag: expected the tag that was taken, found the range {short(source.tag)}")
    if source.rev and not is_commit(source.rev):
        raise ValueError(f"rev: expected 40 hexadecimal digits, found {source.rev!r}")
    if source.commit and not is_commit(source.commit):
        raise ValueError(f"commit: expected 40 hexadecimal digits, found {source.commit!r}")
    if source.rev and source.commit and source.rev != source.commit:
        raise ValueError(f"commit: expected {source.rev} as asked by rev, found {source.commit}")
    try:
        url = git_url.parse(source.git).public  # one spelling, and never a password
    except Refused as problem:
        raise ValueError(f"git: {problem.message}, found '{problem.where}'") from None
    return msgspec.structs.replace(source, git=url, path=folder_path(source.path))


def index_root(text: str) -> str:
    """Check the digest of an index's first root. Raises `ValueError`."""
    if not _ROOT.fullmatch(text):
        raise ValueError(f"root: expected sha256: and 64 hexadecimal digits, found {text[:80]!r}")
    return text


class Dependency(msgspec.Struct, frozen=True, order=True):
    """A dependency of a plugin: a name and a version range.

    It has no source: an author must not choose where other users fetch code (docs/trust-rules.md, rule 12).
    """

    name: PluginName
    range: str

    @classmethod
    def parse(cls, text: str) -> "Dependency":
        """Read ``name range``. Raises `ValueError`."""
        name, _, wanted = text.partition(" ")
        return cls(plugin_name(name), str(Range.parse(wanted)))

    def __str__(self) -> str:
        return f"{self.name} {self.range}"


class Requirement(msgspec.Struct, frozen=True):
    """A requirement of a project: a plugin from a source.

    ``unsigned`` records that the user allowed an unsigned release. ``range`` is the accepted version range;
    it is "" for other sources, which contain one version.
    """

    name: PluginName
    source: Source
    unsigned: bool = False
    range: str = ""

    def allows(self, version: Version) -> bool:
        """Return whether a release of this version satisfies the requirement."""
        return not self.range or Range.parse(self.range).matches(version)

    @property
    def allowed(self) -> str:
        """The range of versions of an index, or of tags, that later updates may take; "" for one place."""
        if isinstance(self.source, GitSource | OciSource):
            return self.source.tag or "*" if self.source.tag_range else ""
        return self.range

    @property
    def is_fixed(self) -> bool:
        """Return whether the source contains a single release."""
        return not isinstance(self.source, IndexSource)

    @property
    def is_working_copy(self) -> bool:
        """Return whether this is a local folder, which is never signed."""
        return isinstance(self.source, PathSource)
