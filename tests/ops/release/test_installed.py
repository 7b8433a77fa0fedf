"""What is read of an installed plugin is what was verified, or nothing."""

from pathlib import Path

import pytest
from support.releases import OTHER_WASM, documents, entry_of, git, make_release
from support.workspaces import Install, Open

from tarkpm.core.release import PluginName
from tarkpm.errors import DigestMismatch, LockStale, NotFound, StoreError, TarkError
from tarkpm.ops.release.installed import installed_files, installed_manifest, read_installed

CALC = make_release()
ENTRY = entry_of(CALC)


def test_the_files_are_those_of_the_locked_release(install: Install) -> None:
    workspace = install(*documents(CALC), CALC)
    files = installed_files(workspace, ENTRY)
    assert set(files) == {"plugin.toml", "plugin.wasm", "plugin.dsse.json"}
    for name, file in files.items():
        assert read_installed(workspace, ENTRY.name, file) == CALC.contents[name]
    assert installed_manifest(workspace, ENTRY) == CALC.candidate.manifest


def test_a_locked_plugin_that_is_not_installed(opened: Open) -> None:
    with pytest.raises(NotFound, match="locked but not installed here") as caught:
        installed_files(opened(*documents(CALC)), ENTRY)
    assert caught.value.hint == "tarkpm sync"


def test_a_folder_that_may_not_be_opened_is_opened_first(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sync` cannot replace it either; root, who runs tests in CI, may open any."""
    workspace = install(*documents(CALC), CALC)

    def refused(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(workspace.environment), "read", refused)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        installed_manifest(workspace, ENTRY)
    assert caught.value.hint == f"chmod -R u+rwX {workspace.environment.folder('calc')}"


def test_another_entry_than_the_one_that_was_verified(install: Install) -> None:
    """The lock was pulled, and nothing synced since: the installed bytes are another release's."""
    workspace = install(*documents(CALC), CALC)
    with pytest.raises(LockStale, match="changed since 'calc' was installed") as caught:
        installed_manifest(workspace, entry_of(make_release(source=git(commit="b" * 40))))
    assert caught.value.hint == "tarkpm sync"


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        ("gone", NotFound),
        ("edited", DigestMismatch),
        ("link", StoreError),
        ("folder", StoreError),
        ("linked folder", StoreError),
    ],
)
def test_what_is_no_longer_as_installed_is_not_read(
    install: Install, tmp_path: Path, damage: str, error: type[TarkError]
) -> None:
    workspace = install(*documents(CALC), CALC)
    folder = workspace.environment.folder("calc")
    module = folder / "plugin.wasm"
    match damage:
        case "gone":
            module.unlink()
        case "edited":
            module.chmod(0o644)
            module.write_bytes(OTHER_WASM)
        case "link":
            module.rename(tmp_path / "same")
            module.symlink_to(tmp_path / "same")
        case "folder":
            module.unlink()
            module.mkdir()
        case "linked folder":
            folder.rename(tmp_path / "same")
            folder.symlink_to(tmp_path / "same")
    with pytest.raises(error) as caught:
        read_installed(workspace, PluginName("calc"), installed_files(workspace, ENTRY)["plugin.wasm"])
    assert caught.value.hint
    assert str(folder) in caught.value.where
