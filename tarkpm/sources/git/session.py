"""A session with one repository: resolve refs and read commits."""

import shlex
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from tarkpm.core.release import is_commit
from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.io.login import Login
from tarkpm.sources.git.access import Access
from tarkpm.sources.git.limits import DEFAULT, TransferLimits
from tarkpm.sources.git.objects import Object, parents_of, target_of, tree_of
from tarkpm.sources.git.tree import GitTree, TreeCache
from tarkpm.sources.git.url import GitUrl

_T = TypeVar("_T")
MAX_TAGS: Final = 20_000

if TYPE_CHECKING:
    from tarkpm.sources.git.local import LocalObjects
    from tarkpm.sources.git.remote import RemoteObjects


class GitRemote:
    """One repository, read within one set of limits. For one thread. Connects on first use.

    The total time also runs between calls, so do not prompt the user while a session is open. Every method
    raises only `SourceError`: `Unreachable` if the server cannot be reached or disconnects, `NotFound` for a
    missing repository, ref or commit, `TooLarge` over a limit, `Refused` for what tarkpm does not accept.
    ``notes`` contains messages for the user, such as a redirect to another server.
    """

    def __init__(
        self,
        url: GitUrl,
        limits: TransferLimits = DEFAULT,
        access: Access | None = None,
        login: Login | None = None,
    ) -> None:
        """Set up a session without a request. ``login`` was typed with the URL."""
        self.url = url
        self.notes: list[str] = []
        self._limits = limits
        self._access = access or Access()
        self._login = login
        self._opened: LocalObjects | RemoteObjects | None = None
        self._reached: dict[tuple[str, str, str], bool] = {}
        self._trees = TreeCache(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and files. Trees of this session cannot be read afterwards."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def resolve(self, *, tag: str = "", branch: str = "", rev: str = "") -> str:
        """Return the commit id, 40 hexadecimal digits, of a tag, a branch, a rev or else the remote's HEAD.

        At most one may be given. Names match exactly. A branch or HEAD costs two round trips and no objects;
        a tag or rev is fetched at once, and annotated tags are followed to their commit.
        """
        if rev:
            return self._peel(_hex(rev, "rev"), f"rev {rev}")
        oid = self._tip(tag, branch)
        return self._peel(oid, _named(tag, branch)) if tag else oid

    def reaches(self, commit: str, *, tag: str = "", branch: str = "") -> bool:
        """Return whether a tag, a branch or else HEAD is at ``commit`` or has it in its history.

        Every step from the ref's commit down is an id computed here, so a server cannot claim a commit of a
        fork (docs/trust-rules.md, rule 2; decision 0084). Costs one round trip for the ref, and one more for
        the commits between the two if they differ. Raises `NotFound` if the ref does not exist, and
        `TooLarge` if the history exceeds the limits.
        """
        asked = (commit, tag, branch)
        if asked not in self._reached:
            self._reached[asked] = self._reaches(commit, tag, branch)
        return self._reached[asked]

    def _reaches(self, commit: str, tag: str, branch: str) -> bool:
        tip = self._tip(tag, branch)
        # 1. A tag object is fetched with the commit, in one request, to peel it to its commit.
        if tip != commit:
            self._objects.need_commit(_hex(commit, "commit"), *([tip] if tag else []))
            tip = self._peel(tip, _named(tag, branch)) if tag else tip
        # 2. In the usual case the ref is still at the locked commit, and no history is needed.
        if tip == commit:
            return True
        # 3. Otherwise the commits between the two are fetched and walked here.
        self._objects.need_history(tip, commit)
        return self._leads(tip, commit)

    def _leads(self, tip: str, commit: str) -> bool:
        """Return whether the parents of ``tip`` lead to ``commit``. Missing commits end the walk."""
        todo, seen = [tip], {tip}
        while todo:
            oid = todo.pop()
            # `have` makes the server leave out what it knows to be here, so missing commits are expected.
            found = self._objects.find(oid)
            if found is None or found.kind != "commit":
                continue
            parents = self._link(parents_of, found, oid)
            if commit in parents:
                return True
            todo += [parent for parent in parents if parent not in seen]
            seen.update(parents)
            if len(seen) > self._limits.objects:
                text = f"the history has over {self._limits.objects} commits"
                raise TooLarge(text, where=self.url.public)
        return False

    def _tip(self, tag: str, branch: str) -> str:
        what = _named(tag, branch)
        oid = self._objects.ref(_ref_name(tag, branch, self.url.public))
        if oid is None:
            raise self._no_ref(what, tag, branch)
        # The server's text: it goes into tark.lock and into file names.
        if not is_commit(oid):
            raise Refused(f"{what} is not the id of a sha1 object", where=self.url.public)
        return oid

    def tags(self) -> tuple[str, ...]:
        """Return the names of the repository's tags that tarkpm can take, sorted; one round trip.

        Raises `TooLarge` for more than `MAX_TAGS`.
        """
        found = [name for name in self._objects.tags() if _is_name(name, f"refs/tags/{name}")]
        if len(found) > MAX_TAGS:
            raise TooLarge(f"the repository has more than {MAX_TAGS:,} tags", where=self.url.public)
        return tuple(sorted(found))

    def tree(self, commit: str) -> GitTree:
        """Return the tree of ``commit``; one round trip, or none if `resolve` has fetched it.

        Raises `Refused` if the id is not that of a commit.
        """
        _hex(commit, "commit")
        self._objects.need_commit(commit)
        found = self._object(commit)
        # The id comes from tark.toml or tark.lock and may name any kind of object.
        if found.kind != "commit":
            raise Refused(f"expected {commit} to be a commit, found a {found.kind}", where=self.url.public)
        root = self._link(tree_of, found, commit)
        return GitTree(self._objects, commit, root, self._limits, self.url.public, self._trees)

    @property
    def _objects(self) -> "LocalObjects | RemoteObjects":
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> "LocalObjects | RemoteObjects":
        route = self._access.route(self.url, self._login)
        if route.url.scheme == "file":
            from tarkpm.sources.git.local import LocalObjects

            return LocalObjects(route.url, self._limits)
        from tarkpm.sources.git.remote import RemoteObjects

        return RemoteObjects(route, self._limits, self.notes)

    def _peel(self, oid: str, what: str) -> str:
        """Return the commit at the end of a chain of tags, without relying on what the server says it is."""
        self._objects.need_commit(oid)
        for _ in range(self._limits.tag_depth + 1):
            found = self._object(oid)
            if found.kind == "commit":
                return oid
            if found.kind != "tag":
                raise Refused(
                    f"expected {what} to name a commit, found a {found.kind}", where=self.url.public
                )
            oid = self._link(target_of, found, oid)
        # git writes a tag of a tag only on request. A bound also ends a hostile chain.
        raise Refused(f"{what} is a tag of tags, over {self._limits.tag_depth} deep", where=self.url.public)

    def _object(self, oid: str) -> Object:
        found = self._objects.find(oid)
        if found is None:
            raise NotFound(f"the repository lacks object {oid}", where=self.url.public)
        return found

    def _link(self, follow: Callable[[bytes], _T], found: Object, oid: str) -> _T:
        try:
            return follow(found.data)
        except ValueError as problem:
            raise Refused(f"{found.kind} {oid} is malformed: {problem}", where=self.url.public) from None

    def _no_ref(self, what: str, tag: str, branch: str) -> NotFound:
        where = self.url.public
        if not tag and not branch:
            text = "HEAD has no commits: the repository is empty, or its default branch does not exist"
            return NotFound(text, where=where, hint=f"git ls-remote --heads {shlex.quote(where)}")
        kind = "--tags" if tag else "--heads"
        return NotFound(f"there is no {what}", where=where, hint=f"git ls-remote {kind} {shlex.quote(where)}")


def _named(tag: str, branch: str) -> str:
    return f"tag '{tag}'" if tag else f"branch '{branch}'" if branch else "HEAD"


def _hex(text: str, what: str) -> str:
    if not is_commit(text):
        raise Refused(f"{what}: expected 40 hexadecimal digits, found {text[:80]!r}")
    return text


def _ref_name(tag: str, branch: str, where: str) -> str:
    """Return the full name of a ref. Raises `Refused` for a name that git does not accept."""
    if not tag and not branch:
        return "HEAD"
    # Full names, so that a branch called like a tag cannot be taken in its place (gitrevisions(7)).
    name = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}"
    if not _is_name(tag or branch, name):
        kind = "tag" if tag else "branch"
        raise Refused(f"expected the name of a {kind}, found {(tag or branch)[:80]!r}", where=where)
    return name


def _is_name(name: str, full: str) -> bool:
    """Return whether a tag or branch has a name that git accepts and a terminal can show."""
    from dulwich.refs import Ref, check_ref_format

    return full.isprintable() and not name.startswith("-") and check_ref_format(Ref(full.encode()))
