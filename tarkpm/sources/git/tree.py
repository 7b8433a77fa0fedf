"""Walk the folders of one commit strictly: only plain files and folders are read."""

import shlex
import stat
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tarkpm.core.file_names import folder_path
from tarkpm.errors import NotFound, Refused, TooLarge
from tarkpm.sources.git.limits import TransferLimits, amount
from tarkpm.sources.git.objects import Objects, TreeEntry, parse_tree

LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"


class ParsedTree(NamedTuple):
    """The entries of one tree, and the bytes of the object they were read from."""

    entries: Mapping[str, TreeEntry]
    size: int


class TreeCache:
    """The trees that a session parsed, by id: the plugins of one repository share its upper folders.

    The trees looked at last stay, up to ``limits.trees`` bytes: a session may read any number of commits.
    """

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._trees: OrderedDict[str, ParsedTree] = OrderedDict()
        self._size = 0

    def get(self, oid: str) -> ParsedTree | None:
        """Return a tree that was parsed before, unless it had to make room."""
        if oid in self._trees:
            self._trees.move_to_end(oid)
        return self._trees.get(oid)

    def keep(self, oid: str, tree: ParsedTree) -> None:
        """Keep a parsed tree; the ones that were not used for longest make room."""
        self._trees[oid] = tree
        self._size += tree.size
        while self._size > self._limits.trees:
            self._size -= self._trees.popitem(last=False)[1].size


class GitTree:
    """A `tarkpm.sources.folder.Tree` of one commit. Usable as long as its session is open.

    The limits hold for each `GitTree`, whether it parses a tree or finds it in ``cache``.
    """

    def __init__(
        self,
        objects: Objects,
        commit: str,
        root: str,
        limits: TransferLimits,
        where: str,
        cache: TreeCache | None = None,
    ) -> None:
        self.commit = commit
        self._objects = objects
        self._root = root
        self._limits = limits
        self._where = where
        self._cache = cache or TreeCache(limits)
        self._trees: dict[str, Mapping[str, TreeEntry]] = {}
        self._looked_at = self._read = 0

    def names(self, folder: str) -> Sequence[str] | None:
        """Return the names of the entries in ``folder``, of every kind; None if the folder does not exist.

        Raises `Refused` if a link or submodule is on the way to it, or its tree is malformed.
        """
        entry = self._walk(_parts(folder, self._where))
        return list(self._tree(entry.oid, folder)) if entry is not None and entry.is_folder else None

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of the ``paths`` that exist, in one round trip.

        Raises `Refused` for anything but a regular file, and `TooLarge` for a file over the limit.
        """
        found = {path: entry for path in paths if (entry := self._file(path)) is not None}
        self._objects.need_blobs(self.commit, [entry.oid for entry in found.values()])
        return {path: self._content(path, entry.oid) for path, entry in found.items()}

    def prefetch(self, paths: Sequence[str]) -> None:
        """Fetch the files among ``paths`` in one round trip, for trees of this session to read."""
        entries = (self._walk(_parts(path, self._where)) for path in paths)
        files = [entry.oid for entry in entries if entry is not None and stat.S_ISREG(entry.mode)]
        self._objects.need_blobs(self.commit, files)

    def below(
        self, folder: str, enter: Callable[[str, Collection[str]], bool]
    ) -> Iterator[tuple[str, TreeEntry]]:
        """Yield the entries at any depth of ``folder`` that are not folders, by path relative to it.

        A folder below it counts only if ``enter`` accepts its path and the names in it. Nothing if ``folder``
        does not exist. Raises as `names` does.
        """
        parts = tuple(part for part in folder.split("/") if part)
        top = self._walk(parts)
        waiting = [("", top.oid)] if top is not None and top.is_folder else []
        while waiting:
            path, oid = waiting.pop()
            if path.count("/") >= self._limits.tree_depth:
                raise self._refused(path, f"more than {self._limits.tree_depth} folders deep")
            entries = self._tree(oid, "/".join((*parts, path)))
            if path and not enter(path, entries.keys()):
                continue
            for name, entry in entries.items():
                inner = f"{path}/{name}" if path else name
                if entry.is_folder:
                    waiting.append((inner, entry.oid))
                else:
                    yield inner, entry

    def _file(self, path: str) -> TreeEntry | None:
        entry = self._walk(_parts(path, self._where))
        if entry is not None and not stat.S_ISREG(entry.mode):
            raise self._refused(path, f"expected a file, found {entry.what}")
        return entry

    def _walk(self, parts: Sequence[str]) -> TreeEntry | None:
        """Return the entry at the end of ``parts``; None if it, or a folder on the way, does not exist."""
        if len(parts) > self._limits.tree_depth:
            raise self._refused("/".join(parts), f"more than {self._limits.tree_depth} folders deep")
        entry = TreeEntry(stat.S_IFDIR, self._root)
        for depth, name in enumerate(parts):
            if not entry.is_folder:
                return None
            found = self._tree(entry.oid, "/".join(parts[:depth])).get(name)
            if found is None:
                return None
            entry = found
            # Links and submodules lead out of the commit's own files.
            if not (entry.is_folder or stat.S_ISREG(entry.mode)):
                path = "/".join(parts[: depth + 1])
                raise self._refused(path, f"expected a file or folder, found {entry.what}")
        return entry

    def _tree(self, oid: str, folder: str) -> Mapping[str, TreeEntry]:
        if oid not in self._trees:
            if found := self._cache.get(oid):
                self._count(found.size, folder)
            else:
                found = self._parse(oid, folder)
                self._cache.keep(oid, found)
            self._trees[oid] = found.entries
        return self._trees[oid]

    def _parse(self, oid: str, folder: str) -> ParsedTree:
        data = self._object(oid, "tree", folder)
        self._count(len(data), folder)  # first: parsed, it takes far more memory
        try:
            return ParsedTree(parse_tree(data), len(data))
        except ValueError as problem:
            raise self._refused(folder, f"the folder is malformed: {problem}") from None

    def _count(self, size: int, folder: str) -> None:
        # Counted over all folders of a commit: many small ones take as much memory as a large one.
        self._looked_at += size
        if size > self._limits.tree or self._looked_at > self._limits.trees:
            text = f"the listing of the folder has more than {amount(self._limits.tree)}"
            raise TooLarge(text, where=self._at(folder))

    def _content(self, path: str, oid: str) -> bytes:
        data = self._object(oid, "blob", path)
        if len(data) > self._limits.blob:
            text = f"the file has {len(data)} bytes, the limit is {amount(self._limits.blob)}"
            raise TooLarge(text, where=self._at(path))
        self._read += len(data)
        if self._read > self._limits.files:
            raise TooLarge(
                f"the files have more than {amount(self._limits.files)} in total", where=self._where
            )
        # The pointer is a valid blob: installed as the module, it would fail with a misleading error.
        if data.startswith(LFS_POINTER):
            hint = f"git lfs migrate export --include={shlex.quote(path)}"
            raise Refused("expected a file, found a Git LFS pointer", where=self._at(path), hint=hint)
        return data

    def _object(self, oid: str, kind: str, path: str) -> bytes:
        try:
            found = self._objects.find(oid)
        except TooLarge as problem:
            # The pack knows the object's id only; here its path is known.
            problem.where = self._at(path)
            raise
        if found is None:
            raise NotFound(f"the repository lacks the {kind} {oid}", where=self._at(path))
        if found.kind != kind:
            raise self._refused(path, f"expected a {kind}, found a {found.kind}")
        return found.data

    def _refused(self, path: str, what: str) -> Refused:
        return Refused(what, where=self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._where}: {path}" if path else self._where


def _parts(path: str, where: str) -> list[str]:
    try:
        folder = folder_path(path)
    except ValueError as problem:
        raise Refused(str(problem), where=where) from None
    return folder.split("/") if folder else []
