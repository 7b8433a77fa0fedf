"""What a generation costs beside the documents that it keeps: it was promised to be at most as much again."""

from pathlib import Path

import msgspec
import pytest
from support.locked import ENTRY

from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import Lock, render
from tarkpm.core.release import PluginName
from tarkpm.store.history import MAX_COMMAND, Generation, History, installed_digests
from tarkpm.store.state import Installed, InstalledFile


@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_a_generation_is_at_most_twice_its_documents(tmp_path: Path, count: int) -> None:
    names = [PluginName(f"plugin-{number}") for number in range(count)]
    lock = render(Lock.of(msgspec.structs.replace(ENTRY, name=name) for name in names)).decode()
    lines = "".join(f'{name} = {{ git = "https://git.example/{name}.git" }}\n' for name in names)
    trust = "".join(f'{name} = ["{ENTRY.signer}"]\n' for name in names)
    project = f'[tark]\nversion = "0.12.6"\n\n[plugins]\n{lines}\n[trust]\n{trust}'
    files = (InstalledFile("plugin.wasm", Digest("1" * 64), 1, 2, 3, 4),)
    installed = installed_digests({name: Installed(Digest("2" * 64), files) for name in names})
    command = "tarkpm update".ljust(MAX_COMMAND if count > 1 else 0, "x")
    history = History(tmp_path, "id")
    history.save([Generation(1, 1_800_000_000, command, project, lock, installed)])
    (file,) = history.folder.iterdir()
    assert file.stat().st_size <= 2 * (len(project) + len(lock))
