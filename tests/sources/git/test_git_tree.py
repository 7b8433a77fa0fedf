"""The strict walk: what a tree may hold, and what is said about the rest."""

from collections.abc import Sequence

import pytest
from support.gitattack import told, tree

from tarkpm.errors import NotFound, TarkError
from tarkpm.sources.git.limits import TransferLimits
from tarkpm.sources.git.objects import Object, TreeEntry, object_id, parse_tree, target_of, tree_of
from tarkpm.sources.git.tree import GitTree, ParsedTree, TreeCache

FILE, RUN, FOLDER, LINK, MODULE = "100644", "100755", "40000", "120000", "160000"


class Memory:
    """`Objects` that are all here."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.asked: list[Sequence[str]] = []

    def put(self, kind: str, data: bytes) -> str:
        oid = object_id(kind, data)
        self.objects[oid] = Object(kind, data)
        return oid

    def ref(self, name: str) -> str | None:
        return None

    def find(self, oid: str) -> Object | None:
        return self.objects.get(oid)

    def need_commit(self, oid: str, *also: str) -> None:
        pass

    def need_history(self, tip: str, known: str) -> None: ...

    def need_blobs(self, commit: str, oids: Sequence[str]) -> None:
        self.asked.append(oids)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def over(memory: Memory, root: str, limits: TransferLimits | None = None) -> GitTree:
    return GitTree(memory, "c" * 40, root, limits or TransferLimits(), "https://h/r")


def said(tree: GitTree, *paths: str) -> str:
    with pytest.raises(TarkError) as caught:
        tree.read(paths)
    return told(caught.value)


def test_files_and_folders(memory: Memory) -> None:
    blob = memory.put("blob", b"hello")
    inner = memory.put("tree", tree((FILE, "plugin.toml", blob), (RUN, "run", blob)))
    root = memory.put("tree", tree((FOLDER, "dist", inner), (FILE, "other", blob)))
    folder = over(memory, root)
    assert folder.names("") == ["dist", "other"]
    assert folder.names("dist") == ["plugin.toml", "run"]
    assert folder.names("dist/") == ["plugin.toml", "run"]
    assert folder.names("nothing") is None
    assert folder.names("dist/nothing") is None
    assert folder.names("other") is None
    assert folder.names("other/deeper") is None
    assert folder.read(["dist/plugin.toml", "dist/run", "dist/none", "none/x", "other/x"]) == {
        "dist/plugin.toml": b"hello",
        "dist/run": b"hello",
    }
    assert folder.read([]) == {}


def test_one_request_for_all_that_is_read(memory: Memory) -> None:
    first, second = memory.put("blob", b"1"), memory.put("blob", b"2")
    root = memory.put("tree", tree((FILE, "a", first), (FILE, "b", second)))
    over(memory, root).read(["b", "a", "none"])
    assert memory.asked == [[second, first]]


def test_a_tree_found_in_the_cache_counts_against_the_limits_as_one_that_is_parsed(memory: Memory) -> None:
    inner = memory.put("tree", tree((FILE, "a", memory.put("blob", b"1"))))
    root = memory.put("tree", tree((FOLDER, "one", inner), (FOLDER, "two", inner)))
    size = len(memory.objects[root].data)
    cache = TreeCache(TransferLimits())
    GitTree(memory, "c" * 40, root, TransferLimits(), "https://h/r", cache).names("one")
    narrow = TransferLimits(trees=size)
    second = GitTree(memory, "d" * 40, root, narrow, "https://h/r", cache)
    assert second.names("") == ["one", "two"]
    with pytest.raises(TarkError) as caught:
        second.names("one")
    assert told(caught.value) == (
        "TooLarge: the listing of the folder has more than 4 MiB [https://h/r: one]"
    )
    third = GitTree(memory, "e" * 40, root, TransferLimits(tree=size - 1), "https://h/r", cache)
    with pytest.raises(TarkError):
        third.names("")


def test_the_cache_keeps_what_was_used_last_within_its_limit() -> None:
    cache = TreeCache(TransferLimits(trees=100))
    first, second = ParsedTree({}, 40), ParsedTree({}, 40)
    cache.keep("first", first)
    cache.keep("second", second)
    assert cache.get("first") is first
    cache.keep("third", ParsedTree({}, 40))
    assert cache.get("second") is None
    assert cache.get("first") is first
    cache.keep("large", ParsedTree({}, 101))
    assert [cache.get(oid) for oid in ("first", "third", "large")] == [None, None, None]


def test_a_listing_shows_what_cannot_be_read(memory: Memory) -> None:
    blob = memory.put("blob", b"x")
    odd = b"100644 \xff\xfe\0" + bytes.fromhex(blob)
    root = memory.put(
        "tree", tree((LINK, "link", blob), (MODULE, "module", "1" * 40), (FILE, "ok", blob)) + odd
    )
    folder = over(memory, root)
    assert folder.names("") == ["link", "module", "ok", "\udcff\udcfe"]
    assert folder.read(["ok"]) == {"ok": b"x"}


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (LINK, "a symbolic link"),
        (MODULE, "a submodule"),
        ("20666", "an entry of unknown mode 20666"),
        ("10644", "an entry of unknown mode 10644"),
    ],
)
def test_what_is_no_file_is_refused_as_a_file_and_on_the_way(memory: Memory, mode: str, found: str) -> None:
    blob = memory.put("blob", b"/etc/passwd")
    inner = memory.put("tree", tree((mode, "plugin.wasm", blob)))
    folder = over(memory, memory.put("tree", tree((FOLDER, "dist", inner), (mode, "odd", blob))))
    expected = f"expected a file or folder, found {found}"
    assert said(folder, "dist/plugin.wasm") == f"Refused: {expected} [https://h/r: dist/plugin.wasm]"
    assert said(folder, "odd/plugin.toml") == f"Refused: {expected} [https://h/r: odd]"
    with pytest.raises(TarkError) as caught:
        folder.names("odd")
    assert told(caught.value) == f"Refused: {expected} [https://h/r: odd]"


def test_a_folder_is_not_a_file(memory: Memory) -> None:
    root = memory.put("tree", tree((FOLDER, "plugin.toml", memory.put("tree", b""))))
    assert said(over(memory, root), "plugin.toml") == (
        "Refused: expected a file, found a folder [https://h/r: plugin.toml]"
    )
    assert said(over(memory, root), "") == "Refused: expected a file, found a folder [https://h/r]"


def test_two_entries_of_one_name_are_refused(memory: Memory) -> None:
    one, two = memory.put("blob", b"1"), memory.put("blob", b"2")
    root = memory.put("tree", tree((FILE, "plugin.wasm", one), (FILE, "plugin.wasm", two)))
    assert said(over(memory, root), "other") == (
        "Refused: the folder is malformed: two entries named 'plugin.wasm' [https://h/r]"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"100644 name",
        b"100644 name\0short",
        b"100644name\0" + bytes(20),
        b"name\0" + bytes(20),
        b"-1 name\0" + bytes(20),
        b"0x1 name\0" + bytes(20),
        b"1006440 name\0" + bytes(20),
        b"100648 name\0" + bytes(20),
        b"100644 \0" + bytes(20),
        b"100644 .\0" + bytes(20),
        b"100644 ..\0" + bytes(20),
        b"100644 a/b\0" + bytes(20),
        b"100644 a\0" + bytes(20) + b"\0",
        b"\0" * 30,
    ],
)
def test_a_malformed_tree_is_refused(memory: Memory, data: bytes) -> None:
    inner = memory.put("tree", data)
    folder = over(memory, memory.put("tree", tree((FOLDER, "dist", inner))))
    assert said(folder, "dist/x") == "Refused: the folder is malformed: a malformed entry [https://h/r: dist]"


def test_an_lfs_pointer_is_refused(memory: Memory) -> None:
    pointer = memory.put("blob", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    folder = over(memory, memory.put("tree", tree((FILE, "plugin.wasm", pointer))))
    assert said(folder, "plugin.wasm") == (
        "Refused: expected a file, found a Git LFS pointer [https://h/r: plugin.wasm]"
        " try: git lfs migrate export --include=plugin.wasm"
    )


def test_a_large_file_is_refused(memory: Memory) -> None:
    root = memory.put("tree", tree((FILE, "plugin.wasm", memory.put("blob", bytes(1001)))))
    assert said(over(memory, root, TransferLimits(blob=1000)), "plugin.wasm") == (
        "TooLarge: the file has 1001 bytes, the limit is 1000 bytes [https://h/r: plugin.wasm]"
    )


def test_an_object_of_another_kind_is_refused(memory: Memory) -> None:
    inner = memory.put("tree", b"")
    root = memory.put("tree", tree((FILE, "plugin.wasm", inner), (FOLDER, "dist", memory.put("blob", b""))))
    folder = over(memory, root)
    assert said(folder, "plugin.wasm") == "Refused: expected a blob, found a tree [https://h/r: plugin.wasm]"
    assert said(folder, "dist/x") == "Refused: expected a tree, found a blob [https://h/r: dist]"


def test_a_missing_object_is_not_found(memory: Memory) -> None:
    root = memory.put("tree", tree((FILE, "plugin.wasm", "1" * 40)))
    with pytest.raises(NotFound) as caught:
        over(memory, root).read(["plugin.wasm"])
    assert (
        told(caught.value) == f"NotFound: the repository lacks the blob {'1' * 40} [https://h/r: plugin.wasm]"
    )
    assert said(over(memory, "2" * 40), "x") == (
        f"NotFound: the repository lacks the tree {'2' * 40} [https://h/r]"
    )


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", ".git/config", "a\\b", "C:x", "a\0b"])
def test_a_path_outside_is_refused(memory: Memory, path: str) -> None:
    folder = over(memory, memory.put("tree", b""))
    assert said(folder, path) == (
        f"Refused: expected a folder inside the repository, found {path!r} [https://h/r]"
    )


def test_deep_trees_are_bounded(memory: Memory) -> None:
    inner = memory.put("tree", b"")
    for _ in range(6):
        inner = memory.put("tree", tree((FOLDER, "d", inner)))
    folder = over(memory, inner, TransferLimits(tree_depth=5))
    assert folder.names("d/d/d/d/d") == ["d"]
    with pytest.raises(TarkError) as caught:
        folder.names("d/d/d/d/d/d")
    assert told(caught.value) == "Refused: more than 5 folders deep [https://h/r: d/d/d/d/d/d]"


def test_formats() -> None:
    assert parse_tree(tree((FILE, "a", "1" * 40))) == {"a": TreeEntry(0o100644, "1" * 40)}
    assert tree_of(b"tree " + b"1" * 40 + b"\nauthor") == "1" * 40
    assert target_of(b"object " + b"1" * 40 + b"\ntype commit\n") == "1" * 40
    for bad in (b"", b"tree x\n", b"object " + b"1" * 40 + b"\n", b"tree " + b"1" * 39 + b"\n"):
        with pytest.raises(ValueError, match=r"^no 'tree' in its first line$"):
            tree_of(bad)
    assert object_id("blob", b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
