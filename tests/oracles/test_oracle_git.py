"""The git source against git: repositories with whatever git itself can store, loose and packed."""

import random
import stat
from pathlib import Path

import pytest
from support.examples import QUICK
from support.gitrepo import GitRepo

from tarkpm.core.file_names import folder_path
from tarkpm.errors import Refused
from tarkpm.sources.git import GitRemote, TransferLimits, parse
from tarkpm.sources.git.tree import GitTree

MODES = {"blob": [0o100644, 0o100755, 0o120000, 0o100664], "commit": [0o160000]}
NAMES = [
    b"a", b"b.toml", b".gitmodules", b"-x", b" ", b"a b", b"caf\xc3\xa9", b"cafe\xcc\x81", b"\xff\xfe", b"new\nline",
    b"tab\t", b'quote"', b"back\\slash", b"CON", b"A", b"\xe2\x80\xae", b".git2", b"~", b"*", b"x" * 200, b"\x01", b"\x7f",
]  # fmt: skip
Listed = set[tuple[bytes, int, str]]


def run(repo: GitRepo, *words: str, stdin: bytes = b"") -> bytes:
    """Run git and return its bytes: `GitRepo.git` decodes them, and strips what may be a name."""
    import subprocess

    done = subprocess.run(["git", *words], cwd=repo.folder, input=stdin, capture_output=True, env=repo.env())
    assert done.returncode == 0, done.stderr
    return done.stdout


class Grown:
    """A repository with a random tree, and what git says about it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.repo = GitRepo(folder)
        self._dice = random.Random(seed)
        # As batches: a process for each object would take most of the time.
        texts = [b"", b"text\n", b"\0\xff\r\n", b"x" * 5000, bytes(self._dice.randbytes(300))]
        self.blobs = [self.repo.raw_object("blob", text) for text in texts]
        self.top = self._tree(0)
        self.commit = run(self.repo, "commit-tree", "-m", "x", self.top).decode().strip()
        run(self.repo, "update-ref", "refs/heads/main", self.commit)

    def _tree(self, depth: int) -> str:
        rows = []
        for name in self._dice.sample(NAMES, self._dice.randint(0 if depth else 6, 12 if depth < 2 else 2)):
            if depth < 4 and self._dice.random() < 0.3:
                rows.append((name, f"040000 tree {self._tree(depth + 1)}"))
                continue
            kind = self._dice.choice(["blob"] * 9 + ["commit"])
            oid = "1" * 40 if kind == "commit" else self._dice.choice(self.blobs)
            rows.append((name, f"{self._dice.choice(MODES[kind]):06o} {kind} {oid}"))
        given = b"".join(row.encode() + b"\t" + name + b"\0" for name, row in rows)
        return run(self.repo, "mktree", "-z", "--missing", stdin=given).decode().strip()

    def listed(self, *options: str) -> Listed:
        """Return what git lists: path, mode and id."""
        found = set()
        for row in run(self.repo, "ls-tree", "-z", *options, self.commit).split(b"\0")[:-1]:
            head, path = row.split(b"\t", 1)
            mode, _, oid = head.decode().split()
            found.add((path, int(mode, 8), oid))
        return found


def _canonical(mode: int) -> int:
    """Return a mode as `git ls-tree` prints it: old versions of git wrote other bits of files, such as 664."""
    return (0o100755 if mode & 0o100 else 0o100644) if stat.S_ISREG(mode) else mode


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _can_be_asked(path: str) -> bool:
    """Return whether a release may have a file of this name at all."""
    try:
        return folder_path(path) == path
    except ValueError:
        return False


@pytest.mark.parametrize("seed", range(3 if QUICK else 40))
def test_a_generated_repository(tmp_path: Path, seed: int) -> None:
    grown = Grown(tmp_path / "work", seed)
    whole = grown.listed("-r")
    _compare(grown, whole)
    run(grown.repo, "repack", "-a", "-d", "-q")
    run(grown.repo, "prune-packed", "-q")
    run(grown.repo, "prune", "--expire=now")
    assert not list(grown.repo.folder.glob(".git/objects/[0-9a-f][0-9a-f]/*"))
    _compare(grown, whole)
    run(grown.repo, "pack-refs", "--all")
    _compare(grown, whole)


def _compare(grown: Grown, whole: Listed) -> None:
    with GitRemote(parse(grown.repo.folder.as_uri())) as remote:
        assert remote.resolve(branch="main") == grown.commit
        tree = remote.tree(grown.commit)
        found = {
            (_bytes(path), _canonical(entry.mode), entry.oid)
            for path, entry in tree.below("", lambda *_: True)
        }
        assert found == whole
        assert {_bytes(name) for name in tree.names("") or ()} == {path for path, _, _ in grown.listed()}
        for path, mode, oid in whole:
            _compare_file(tree, grown, path, mode, oid)


def _compare_file(tree: GitTree, grown: Grown, path: bytes, mode: int, oid: str) -> None:
    text = path.decode("utf-8", "surrogateescape")
    try:
        read = tree.read([text])
    except Refused:
        # Links and submodules are no files; of the rest, only names that no release may have are refused.
        assert not stat.S_ISREG(mode) or not _can_be_asked(text)
        return
    assert stat.S_ISREG(mode)
    assert read == {text: run(grown.repo, "cat-file", "blob", oid)}


@pytest.mark.parametrize("packed", [False, True])
def test_tags_of_tags(tmp_path: Path, packed: bool) -> None:
    repo = GitRepo(tmp_path / "work")
    repo.write("a", b"1")
    repo.commit("first")
    for depth in range(12):
        repo.annotated_tag(f"t{depth}", f"t{depth - 1}" if depth else "HEAD")
    if packed:
        repo.git("gc", "--quiet")
        repo.git("pack-refs", "--all")
    limit = TransferLimits().tag_depth
    with GitRemote(parse(repo.folder.as_uri())) as remote:
        for depth in range(12):
            if depth < limit:
                assert remote.resolve(tag=f"t{depth}") == repo.rev(f"t{depth}^{{commit}}")
            else:
                with pytest.raises(Refused):
                    remote.resolve(tag=f"t{depth}")


def test_a_tree_as_deep_as_the_limit(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "work")
    limit = TransferLimits().tree_depth
    for depth in (limit - 1, limit + 1):
        path = "/".join(["d"] * depth) + "/f"
        repo.write(path, b"1")
        commit = repo.commit("deep")
        with GitRemote(parse(repo.folder.as_uri())) as remote:
            tree = remote.tree(commit)
            if depth < limit:
                assert [path for path, _ in tree.below("", lambda *_: True)] == [path]
            else:
                with pytest.raises(Refused, match="folders deep"):
                    list(tree.below("", lambda *_: True))
        repo.rm("d")
