"""The user's folders, from environment variables."""

from pathlib import Path

import msgspec
import pytest

from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import Paths, Settings, user_paths

HOME = Path("/home/ada")
DEFAULT = Paths(
    HOME / ".config/tark", HOME / ".local/share/tark", HOME / ".local/state/tarkpm", HOME / ".cache/tarkpm"
)


def replaced(**folders: str) -> Paths:
    return msgspec.structs.replace(DEFAULT, **{name: Path(folder) for name, folder in folders.items()})


@pytest.mark.parametrize(
    ("variables", "paths"),
    [
        ({}, DEFAULT),
        ({"XDG_CONFIG_HOME": "/c"}, replaced(config="/c/tark")),
        ({"XDG_DATA_HOME": "/d"}, replaced(data="/d/tark")),
        ({"XDG_STATE_HOME": "/s"}, replaced(state="/s/tarkpm")),
        ({"XDG_CACHE_HOME": "/x"}, replaced(cache="/x/tarkpm")),
        ({"XDG_CACHE_HOME": "/x", "TARKPM_CACHE_DIR": "/mine"}, replaced(cache="/mine")),
        ({"XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": ""}, DEFAULT),  # XDG: a relative path is ignored
    ],
)
def test_where_things_are(variables: dict[str, str], paths: Paths) -> None:
    assert user_paths({"HOME": str(HOME)} | variables) == paths


@pytest.mark.parametrize("variable", ["HOME", "TARKPM_CACHE_DIR", "TARKPM_STATE_DIR"])
def test_a_folder_is_not_named_from_the_current_one(variable: str) -> None:
    with pytest.raises(TarkError, match="expected an absolute path, found 'cache'") as caught:
        user_paths({"HOME": "/h", variable: "cache"})
    assert (caught.value.where, caught.value.hint) == (variable, f"unset {variable}")


def settings(**environment: str) -> Settings:
    return Settings(Path("/app"), user_paths(environment), environment)


@pytest.mark.parametrize(("environment", "home"), [({"HOME": "/h"}, Path("/h")), ({}, Path.home())])
def test_home(environment: dict[str, str], home: Path) -> None:
    assert settings(**environment).home == home


def test_an_empty_home_is_an_error() -> None:
    """Python reads it as the root folder."""
    with pytest.raises(TarkError, match="expected a value, found an empty string") as caught:
        user_paths({"HOME": ""})
    assert (caught.value.where, caught.value.hint) == ("HOME", "unset HOME")


@pytest.mark.parametrize(
    ("by", "hint"),
    [
        ("--offline", "run the command again with a network, without --offline"),
        ("--frozen", "run the command again with a network, without --frozen"),
        ("TARKPM_OFFLINE", "unset TARKPM_OFFLINE, then run the command again"),
    ],
)
def test_an_error_names_what_forbids_the_network(by: str, hint: str) -> None:
    found = settings().made_offline(by)
    assert found.offline
    error = found.unreachable("https://h/x")
    assert (error.message, error.where, error.hint) == (f"{by} forbids network requests", "https://h/x", hint)


def test_no_path_is_no_path_to_search() -> None:
    assert settings(HOME="/h").search_path == ""
    assert settings(PATH="/a:/b").search_path == "/a:/b"


def test_no_plugin_reaches_what_tark_and_tarkpm_keep() -> None:
    found = settings(HOME="/h", XDG_CONFIG_HOME="/elsewhere").guard
    assert {Path("/h/.local/share/tark"), Path("/h/.local/state/tarkpm"), Path("/h/.cache/tarkpm")} <= {
        *found.folders
    }
    assert Path("/elsewhere/tark") in found.folders
    # in its usual place it is guarded by name, because credentials that plugins may read are in it
    assert Path("/h/.config/tark") not in settings(HOME="/h").guard.folders


def test_threads_are_the_processors_this_process_may_use() -> None:
    assert settings().threads >= 1
