"""Which project a command works on, and whose it is."""

import os
from pathlib import Path

import msgspec
import pytest

from tarkpm.errors import ProjectError, ProjectNotAccepted
from tarkpm.ops.project.location import check_owned, checked_place, locate, project_place
from tarkpm.ops.project.settings import Settings


def at(settings: Settings, folder: Path, **changes: object) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    return msgspec.structs.replace(settings, cwd=folder, **changes)


def test_the_nearest_project_above(settings: Settings) -> None:
    (settings.cwd / "tark.toml").write_text("")
    inner = settings.cwd / "a" / "b"
    assert locate(at(settings, inner)).folder == settings.cwd.resolve()
    (settings.cwd / "a" / "tark.toml").write_text("")
    found = locate(at(settings, inner))
    assert found.folder == (settings.cwd / "a").resolve()
    assert found.environment.in_project
    assert found.environment.base == found.folder / ".tark"


def test_without_a_project_it_is_the_users_own(settings: Settings) -> None:
    found = locate(settings)
    assert found.folder == settings.paths.config
    assert found.lock_file == settings.paths.config / "tark.lock"
    assert not found.environment.in_project
    assert found.environment.base == settings.paths.data


def test_user_passes_over_a_project(settings: Settings) -> None:
    (settings.cwd / "tark.toml").write_text("")
    assert locate(at(settings, settings.cwd, user=True)).folder == settings.paths.config


def test_a_project_that_is_named_need_not_be_found(settings: Settings, tmp_path: Path) -> None:
    (settings.cwd / "tark.toml").write_text("")
    assert locate(at(settings, settings.cwd, project=tmp_path)).folder == tmp_path.resolve()


def test_nothing_above_home_is_looked_at(settings: Settings, tmp_path: Path) -> None:
    """In a shared folder above, anybody could put a tark.toml."""
    (tmp_path / "tark.toml").write_text("")
    below = at(settings, tmp_path / "home" / "work")
    assert locate(below).folder == settings.paths.config
    (tmp_path / "home" / "tark.toml").write_text("")
    assert locate(below).folder == (tmp_path / "home").resolve()


def test_outside_of_home_it_is_looked_for_up_to_the_top(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tark.toml").write_text("")
    assert locate(settings).folder == tmp_path.resolve()


def test_a_linked_folder_has_one_name(settings: Settings, tmp_path: Path) -> None:
    (settings.cwd / "tark.toml").write_text("")
    (tmp_path / "link").symlink_to(settings.cwd)
    assert project_place(tmp_path / "link").folder == project_place(settings.cwd).folder


def test_a_linked_tark_toml_stays_where_the_link_is(settings: Settings, tmp_path: Path) -> None:
    """Followed, it would apply another project's decisions to this one's files."""
    (tmp_path / "tark.toml").write_text("")
    (settings.cwd / "tark.toml").symlink_to(tmp_path / "tark.toml")
    assert locate(settings).project_file == settings.cwd.resolve() / "tark.toml"


def test_the_users_own_tark_toml_may_be_a_link(settings: Settings, tmp_path: Path) -> None:
    settings.paths.config.mkdir(parents=True)
    (tmp_path / "dotfiles").write_text("")
    (settings.paths.config / "tark.toml").symlink_to(tmp_path / "dotfiles")
    assert locate(at(settings, settings.cwd, user=True)).project_file == (tmp_path / "dotfiles").resolve()


def test_a_broken_link_is_a_project(settings: Settings) -> None:
    """To pass over it would apply the decisions of a folder further up."""
    (settings.cwd / "tark.toml").symlink_to("nowhere")
    assert locate(settings).folder == settings.cwd.resolve()


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", b"a\xff"])
def test_a_name_that_cannot_be_shown_is_refused(settings: Settings, name: str | bytes) -> None:
    folder = settings.cwd / os.fsdecode(name)
    folder.mkdir()
    with pytest.raises(ProjectError, match="printable name"):
        project_place(folder)


# -- is there one?


def test_a_missing_project_is_an_error_where_one_is_needed(settings: Settings) -> None:
    with pytest.raises(ProjectError, match="there is no tark.toml here or above") as caught:
        checked_place(settings, create=False)
    assert (caught.value.where, caught.value.hint) == (str(settings.cwd), "tarkpm init")
    assert checked_place(settings, create=True).folder == settings.paths.config


@pytest.mark.parametrize("create", [True, False])
def test_a_project_that_is_named_must_exist(settings: Settings, tmp_path: Path, create: bool) -> None:
    named = tmp_path / "my app"
    with pytest.raises(ProjectError, match="there is no tark.toml here$") as caught:
        checked_place(at(settings, settings.cwd, project=named), create=create)
    assert caught.value.hint == f"tarkpm init --project '{named}'"


# -- whose is it?


@pytest.mark.parametrize("theirs", [".", "tark.toml", "tark.lock"])
def test_a_project_of_another_user_decides_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    for name in ("tark.toml", "tark.lock"):
        (settings.cwd / name).write_text("")
    check_owned(locate(settings), hint="")
    lstat = Path.lstat
    foreign = (settings.cwd / theirs).resolve()

    def of_another(path: Path) -> os.stat_result:
        status = lstat(path)
        if path != foreign:
            return status
        return os.stat_result((*status[:4], 4_000_000, *status[5:10]))

    monkeypatch.setattr(Path, "lstat", of_another)
    with pytest.raises(ProjectNotAccepted, match="belongs to user 4000000, and you are") as caught:
        checked_place(msgspec.structs.replace(settings, command="tarkpm sync"), create=False)
    assert caught.value.where == str(foreign)
    assert caught.value.hint == "tarkpm sync --user"
    with pytest.raises(ProjectNotAccepted) as caught:
        checked_place(at(settings, settings.cwd, project=settings.cwd), create=False)
    assert caught.value.hint.startswith("if you trust its contents: sudo chown -R ")


def test_the_users_own_folder_is_not_checked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_001)
    check_owned(locate(settings), hint="")


@pytest.mark.parametrize("name", [".tark", ".tark/plugins", ".tark/.tarkpm"])
def test_an_environment_that_is_a_link_is_not_used(settings: Settings, tmp_path: Path, name: str) -> None:
    (settings.cwd / "tark.toml").write_text("")
    link = settings.cwd / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path)
    with pytest.raises(ProjectNotAccepted, match="found a link or a file"):
        checked_place(settings, create=False)


def test_a_variable_that_names_no_project_is_named(settings: Settings) -> None:
    """``TARKPM_PROJECT=off`` is no way to turn projects off."""
    place = at(settings, settings.cwd, project=Path("off"))
    place = msgspec.structs.replace(place, environment={"TARKPM_PROJECT": "off"})
    with pytest.raises(ProjectError, match="no tark.toml in the folder that TARKPM_PROJECT names") as caught:
        checked_place(place, create=False)
    assert (caught.value.where, caught.value.hint) == ("TARKPM_PROJECT=off", "unset TARKPM_PROJECT")
