"""Projects of so many signed plugins. All have the same module: what grows is their number."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from support.sandbox import WASM, Sandbox

from benchmarks.indexes import Keeper, generate_real
from tarkpm.core import statement
from tarkpm.core.digest import FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version
from tarkpm.registry.keys import Signer
from tarkpm.store.keys import KeyStore

FILE: Final = 0o100644
FOLDER: Final = 0o040000


class Shape:
    """Somebody with a project of these plugins, which is neither locked nor installed."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.sandbox = Sandbox(root)
        self.names = names
        self.sandbox.init()
        self.key = self.sandbox.key()
        self._signer = Signer(*KeyStore(self.sandbox.state / "keys").load("release", bytes))
        self.prepare()
        lines = [
            *self.tables(),
            "[plugins]",
            *(f"{name} = {self.requirement(name)}" for name in names),
            "[grants]",
            *(f"{name} = {{ storage = true }}" for name in names),
        ]
        document = self.sandbox.cwd / "tark.toml"
        document.write_text(document.read_text() + "\n".join(lines) + "\n")

    def prepare(self) -> None:
        """Publish the plugins."""
        raise NotImplementedError

    def requirement(self, name: str) -> str:
        """What tark.toml says of a plugin."""
        raise NotImplementedError

    def tables(self) -> list[str]:
        """Further lines of tark.toml."""
        return ["[trust]", *(f'{name} = ["{self.key}"]' for name in self.names)]

    def files(self, name: str) -> dict[str, bytes]:
        """The files of a signed release."""
        text = (
            f'[plugin]\nname = "{name}"\nversion = "1.0.0"\ntype = "tool"\nlicense = "MIT"\n'
            f'description = "one of many"\nmin_tark_version = "0.6.0"\n[capabilities]\nstorage = true\n'
        )
        files = {MANIFEST: text.encode(), "plugin.wasm": WASM}
        entries = [FileEntry.of(file, data) for file, data in files.items()]
        key, sign = PublicKey(self._signer.key), self._signer.sign
        signed = statement.sign(PluginName(name), Version(1, 0, 0), entries, key=key, signer=sign)
        return {**files, STATEMENT: signed}

    def commit(self, folder: Path, plugins: Sequence[str]) -> None:
        """Make a repository of these plugins, a folder each."""
        folder.mkdir(parents=True)
        with Repo.init_bare(str(folder)) as repo:
            top, objects = Tree(), dict[bytes, Any]()
            for name in plugins:
                inner = Tree()
                for file, data in self.files(name).items():
                    blob = Blob.from_string(data)
                    objects[blob.id] = blob
                    inner.add(file.encode(), FILE, blob.id)
                objects[inner.id] = inner
                top.add(name.encode(), FOLDER, inner.id)
            made = Commit()
            made.tree = top.id
            made.author = made.committer = b"a <a@example.com>"
            made.author_time = made.commit_time = made.author_timezone = made.commit_timezone = 0
            made.message = b"plugins\n"
            objects[top.id], objects[made.id] = top, made
            repo.object_store.add_objects([(each, None) for each in objects.values()])
            repo.refs[b"refs/heads/main"] = made.id  # type: ignore[index]
            repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")  # type: ignore[arg-type]


class OneRepository(Shape):
    """All plugins are folders of one repository."""

    def prepare(self) -> None:
        self.repo = self.sandbox.root / "repo.git"
        self.commit(self.repo, self.names)

    def requirement(self, name: str) -> str:
        return f'{{ git = "{self.repo.as_uri()}", branch = "main", path = "{name}" }}'


class ManyRepositories(Shape):
    """Each plugin is in a repository of its own."""

    def prepare(self) -> None:
        for name in self.names:
            self.commit(self.sandbox.root / "repos" / f"{name}.git", [name])

    def requirement(self, name: str) -> str:
        repo = self.sandbox.root / "repos" / f"{name}.git"
        return f'{{ git = "{repo.as_uri()}", branch = "main", path = "{name}" }}'


class AnIndex(Shape):
    """All plugins are in one index, which is a folder."""

    def prepare(self) -> None:
        self.keeper: Keeper = generate_real(
            self.sandbox.root / "made", list(self.names), [WASM] * len(self.names)
        )

    def tables(self) -> list[str]:
        return [f'[index.community]\nurl = "{self.keeper.folder}"\nroot = "{self.keeper.root}"']

    def requirement(self, name: str) -> str:  # noqa: ARG002
        return '"^1.0"'


SHAPES: Final[Mapping[str, Callable[[Path, Sequence[str]], Shape]]] = {
    "one repository": OneRepository,
    "many repositories": ManyRepositories,
    "an index": AnIndex,
}
