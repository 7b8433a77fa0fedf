"""The tree, tiles, notes and proofs of logs: every small size, other sizes by chance, and hostile texts."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from support import examples

from tarkpm.core.digest import Digest
from tarkpm.core.key import from_bytes
from tarkpm.core.release import PluginName
from tarkpm.core.tlog import note, tiles
from tarkpm.core.tlog.merkle import check_consistency, check_inclusion, leaf_hash, root_of
from tarkpm.core.tlog.note import NoteKey, parse_checkpoint, sign_checkpoint
from tarkpm.core.tlog.proof import LogProof, parse_proof, release_entry
from tarkpm.core.tlog.tiles import ENTRIES, Tile
from tarkpm.core.tlog.tree import TreeHash
from tarkpm.core.version import Version

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))  # always the same: it is in the names of tests
LOG = NoteKey("log.example", from_bytes(KEY.public_key().public_bytes_raw()))


class Files(dict[Tile, bytes]):
    """A log in memory, appended in steps."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.entries: list[bytes] = []
        for count in steps:
            new = [b"entry %d" % (len(self.entries) + at) for at in range(count)]
            self.update(tiles.grown(len(self.entries), new, self.__getitem__))
            self.entries += new

    @property
    def size(self) -> int:
        return len(self.entries)

    def hashes(self, wanted: set[Tile]) -> dict[Tile, list[bytes]]:
        return {tile: tiles.read_hashes(tile, self[tile]) for tile in wanted}

    def root(self, size: int) -> bytes:
        return root_of([leaf_hash(entry) for entry in self.entries[:size]])

    def included(self, index: int) -> list[bytes]:
        ranges = tiles.inclusion_ranges(index, self.size)
        return tiles.roots(ranges, self.size, self.hashes(tiles.tiles_for(ranges, self.size)))

    def consistent(self, old: int) -> list[bytes]:
        ranges = tiles.consistency_ranges(old, self.size)
        return tiles.roots(ranges, self.size, self.hashes(tiles.tiles_for(ranges, self.size)))


def _check(files: Files, indexes: range | list[int], olds: range | list[int]) -> None:
    size, root = files.size, files.root(files.size)
    assert tiles.root_at(size, files.hashes(tiles.edge_tiles(size))) == root
    for index in indexes:
        check_inclusion(index, size, leaf_hash(files.entries[index]), files.included(index), root)
    for old in olds:
        check_consistency(old, files.root(old), size, root, files.consistent(old))


@pytest.mark.parametrize("size", range(1, 41))
def test_every_small_tree(size: int) -> None:
    files = Files(*[1] * size)
    _check(files, range(size), range(size + 1))


@pytest.mark.parametrize(
    "steps",
    [
        (255, 1),
        (255, 1, 1),
        (256,),
        (300, 212),
        (513,),
        pytest.param((1, 65_535, 2), marks=pytest.mark.slow),
    ],
)
def test_the_edges_of_tiles(steps: tuple[int, ...]) -> None:
    files = Files(*steps)
    last = files.size
    points = sorted({0, 1, 127, 254, 255, last - 2, last - 1} | ({256, 511, 512} & set(range(last))))
    _check(files, points, [*points, last])


@settings(max_examples=examples.many(25))
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.data())
def test_a_log_is_the_same_however_it_grew(steps: list[int], data: st.DataObject) -> None:
    grown, whole = Files(*steps), Files(sum(steps))
    assert whole.items() <= grown.items()
    tree = TreeHash()
    for entry in grown.entries:
        tree.add(leaf_hash(entry))
    assert tree.root() == grown.root(grown.size)
    old = data.draw(st.integers(0, grown.size))
    _check(grown, [data.draw(st.integers(0, grown.size - 1))], [old])


@settings(max_examples=examples.many(60))
@given(st.integers(2, 600), st.data())
def test_nothing_else_is_proven(size: int, data: st.DataObject) -> None:
    """Another entry, position, tree, or a hash more, less or changed."""
    files = Files(size)
    index, root = data.draw(st.integers(0, size - 1)), files.root(size)
    proof, leaf = files.included(index), leaf_hash(files.entries[index])
    wrong = [
        (index, size, leaf_hash(b"other"), proof, root),
        ((index + 1) % size, size, leaf, proof, root),
        (index, size, leaf, proof[:-1], root),
        (index, size, leaf, [*proof, root], root),
        (index, size, leaf, [proof[0][::-1], *proof[1:]], root),
        (index, size, leaf, proof, files.root(size - 1)),
        (size, size, leaf, proof, root),
    ]
    for arguments in wrong:
        with pytest.raises(ValueError, match=r"proof|not in a tree"):
            check_inclusion(*arguments)
    old = data.draw(st.integers(1, size - 1))
    path = files.consistent(old)
    for arguments_ in (
        (old, files.root(old)[::-1], size, root, path),
        (old, files.root(old), size, root[::-1], path),
        (old, files.root(old), size, root, path[:-1]),
        (old, files.root(old), size, root, [*path, root]),
        (size, root, old, files.root(old), path),
        (size, root, size, root[::-1], []),
        (size, root, size, root, [root]),
    ):
        with pytest.raises(ValueError, match=r"tree|proof"):
            check_consistency(*arguments_)


def test_a_proof_does_not_bind_the_size() -> None:
    """Why the size comes from a signed checkpoint and from nowhere else (RFC 9162, 2.1.3.2)."""
    files = Files(6)
    root, leaf = files.root(6), leaf_hash(files.entries[0])
    for size in (6, 7, 8):  # each claims a tree that does not exist but has such a shape
        check_inclusion(0, size, leaf, files.included(0), root)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(1, 273, 5), "tile/1/273.p/5"),
        (Tile(0, 1234067, 256), "tile/0/x001/x234/067"),
        (Tile(ENTRIES, 1000, 1), "tile/entries/x001/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\2a", b"\0\1ab"])
def test_a_bundle_that_is_cut_off(data: bytes) -> None:
    with pytest.raises(ValueError, match="000"):
        tiles.read_entries(Tile(ENTRIES, 0, 2), data)


@pytest.mark.parametrize("size", [0, 31, 33, 63, 64 + 1, 257 * 32])
def test_a_tile_of_the_wrong_length(size: int) -> None:
    with pytest.raises(ValueError, match="expected 64 bytes"):
        tiles.read_hashes(Tile(0, 0, 2), b"x" * size)


def test_an_entry_that_is_too_long() -> None:
    with pytest.raises(ValueError, match="65,535"):
        tiles.grown(0, [b"x" * 65_536], dict[Tile, bytes]().__getitem__)


def test_a_proof_is_read_as_it_was_written() -> None:
    files = Files(700)
    entry = files.entries[3]
    tree = sign_checkpoint(LOG, KEY.sign, 700, files.root(700))
    proof = LogProof(3, tuple(files.included(3)), tree)
    assert parse_proof(proof.text) == proof
    parse_proof(proof.text).check(entry)
    with_extra = proof.text.replace("index", f"extra {base64.b64encode(b'x').decode()}\nindex")
    assert parse_proof(with_extra) == proof


def test_an_entry_of_a_release() -> None:
    entry = release_entry(PluginName("text-tools"), Version.parse("1.0.0"), Digest("ab" * 32))
    assert entry == b"tark-release/v1\ntext-tools\n1.0.0\nsha256:" + b"ab" * 32 + b"\n"


ROOT = base64.b64encode(bytes(32)).decode()
SIGNED = sign_checkpoint(LOG, KEY.sign, 5, bytes(32)).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        SIGNED.rstrip("\n"),
        SIGNED.replace("\n5\n", "\n05\n"),
        SIGNED.replace("\n5\n", "\n-5\n"),
        SIGNED.replace("\n5\n", "\n٥\n"),
        SIGNED.replace("\n5\n", f"\n{2**62}\n"),
        SIGNED.replace(ROOT, ROOT[:-4]),
        SIGNED.replace(ROOT, ROOT[:-2] + "B="),
        SIGNED.replace("\u2014 ", "- "),
        SIGNED.replace("log.example", "log example"),
        SIGNED.replace("log.example", "log+example"),
        SIGNED + "\u2014 x AAAA\n",
        SIGNED + "\u2014 x AAAAAAAA\n" * note.MAX_SIGNATURES,
        SIGNED.replace("\n\n", "\n" + "x" * note.MAX_NOTE + "\n\n"),
    ],
)
def test_a_text_that_is_no_checkpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|a checkpoint has"):
        parse_checkpoint(text.encode())


@pytest.mark.parametrize(
    "change",
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 0", "index -1"),
        ("index 0", "index 00"),
        ("index 0\n", ""),
        ("index 0\n", "index 0\nAAAA\n"),
        ("index 0\n", "index 0\n" + f"{ROOT}\n" * 64),
    ],
)
def test_a_text_that_is_no_proof(change: tuple[str, str]) -> None:
    text = LogProof(0, (), sign_checkpoint(LOG, KEY.sign, 1, bytes(32))).text
    with pytest.raises(ValueError, match="expected"):
        parse_proof(text.replace(*change))
