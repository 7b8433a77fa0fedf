"""A session with one repository: resolve refs and read commits."""

import shlex
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from tarkpm.core.release import is_commit
from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.io.login import Login
from tarkpm.sources.git.access import Access
from tarkpm.sources.git.limits import DEFAULT, TransferLimits
from tarkpm.sources.git.objects import Object, parents_of, target_of, tree_of
from tarkpm.sources.git.tree import GitTree, TreeCache
from tarkpm.sources.git.url import GitUrl

_T = TypeVar("_T")

if TYPE_CHECKING:
    from tarkpm.sources.git.local import LocalObjects
    from tarkpm.sources.git.remote import RemoteObjects


class GitRemote:
    """One repository, asked within one set of limits. For one thread; nothing is opened before it is needed.

    The total time runs on between calls, so no person is to be asked anything while a session is open.
    Every method raises only `SourceError`: `Unreachable` when the server could not be asked or broke off,
    `NotFound` for a repository, ref or commit that is not there, `TooLarge` over a limit, `Refused` for
    what tarkpm does not accept. ``notes`` is what a person should be told, such as a redirect elsewhere.
    """

    def __init__(
        self,
        url: GitUrl,
        limits: TransferLimits = DEFAULT,
        access: Access | None = None,
        login: Login | None = None,
    ) -> None:
        """``login`` was typed with the URL; the rest of what opens doors is in ``access``."""
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
        """Close connections and files. Trees of this session cannot be read after it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def resolve(self, *, tag: str = "", branch: str = "", rev: str = "") -> str:
        """The commit, 40 hexadecimal digits, that a tag, a branch, a rev or else the remote's HEAD means.

        At most one may be given. Names match exactly. A branch or HEAD costs two round trips and no
        objects; a tag or rev is fetched at once, and annotated tags are followed to their commit.
        """
        if rev:
            return self._peel(_hex(rev, "rev"), f"rev {rev}")
        oid = self._tip(tag, branch)
        return self._peel(oid, _named(tag, branch)) if tag else oid

    def reaches(self, commit: str, *, tag: str = "", branch: str = "") -> bool:
        """Whether a tag, a branch or else HEAD is at ``commit`` now, or has it in its history.

        Every step from the ref's commit down is an id that was computed here. One round trip for the ref, and
        one more if it is elsewhere, for the commits between the two. Raises `NotFound` also where the ref is
        gone, and `TooLarge` where the history is over the limits.
        """
        asked = (commit, tag, branch)
        if asked not in self._reached:
            self._reached[asked] = self._reaches(commit, tag, branch)
        return self._reached[asked]

    def _reaches(self, commit: str, tag: str, branch: str) -> bool:
        tip = self._tip(tag, branch)
        if tip != commit:
            self._objects.need_commit(_hex(commit, "commit"), *([tip] if tag else []))
            tip = self._peel(tip, _named(tag, branch)) if tag else tip
        if tip == commit:
            return True
        self._objects.need_history(tip, commit)
        return self._leads(tip, commit)

    def _leads(self, tip: str, commit: str) -> bool:
        """Whether a walk from ``tip`` to parents comes to ``commit``; what was not sent is its end."""
        todo, seen = [tip], {tip}
        while todo:
            oid = todo.pop()
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
        if not is_commit(oid):
            raise Refused(f"{what} is not the id of a sha1 object", where=self.url.public)
        return oid

    def tree(self, commit: str) -> GitTree:
        """The folders of ``commit``; one round trip, or none if `resolve` has fetched it."""
        _hex(commit, "commit")
        self._objects.need_commit(commit)
        found = self._object(commit)
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
        """The commit at the end of a chain of tags. Peeled here: what a server says about it is not used."""
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
            return NotFound("the repository has no HEAD", where=where, hint="name a branch with --branch")
        kind = "--tags" if tag else "--heads"
        return NotFound(f"there is no {what}", where=where, hint=f"git ls-remote {kind} {shlex.quote(where)}")


def _named(tag: str, branch: str) -> str:
    return f"tag '{tag}'" if tag else f"branch '{branch}'" if branch else "HEAD"


def _hex(text: str, what: str) -> str:
    if not is_commit(text):
        raise Refused(f"{what}: expected 40 hexadecimal digits, found {text[:80]!r}")
    return text


def _ref_name(tag: str, branch: str, where: str) -> str:
    """The full name of a ref; raises `Refused` for what git itself would not accept as a name."""
    from dulwich.refs import Ref, check_ref_format

    if not tag and not branch:
        return "HEAD"
    name = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}"
    if not name.isprintable() or (tag or branch).startswith("-") or not check_ref_format(Ref(name.encode())):
        kind = "tag" if tag else "branch"
        raise Refused(f"expected the name of a {kind}, found {(tag or branch)[:80]!r}", where=where)
    return name
