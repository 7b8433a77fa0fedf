"""The logins that docker and podman keep."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tarkpm.errors import Refused
from tarkpm.io import helper_program
from tarkpm.io.login import Login
from tarkpm.sources.oci.credentials import Credential, FoundLogin, find

SECRET = "correct-horse"
ME = Login("me", SECRET)


def auth(user: str = "me", password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def written(folder: Path, table: dict[str, Any] | str, name: str = "config.json") -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(table if isinstance(table, str) else json.dumps(table))
    return {"DOCKER_CONFIG": str(folder)}


def helper(folder: Path, name: str, script: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def login(environment: dict[str, str], registry: str = "ghcr.io", repository: str = "o/t") -> Login | None:
    found = find(environment, registry, repository).credential
    return found.login if found else None


@pytest.mark.parametrize(
    "key", ["ghcr.io", "https://ghcr.io", "https://ghcr.io/v1/", "ghcr.io:443", "ghcr.io/v2"]
)
def test_the_spellings_of_a_registry(tmp_path: Path, key: str) -> None:
    environment = written(tmp_path, {"auths": {"other.example": auth("other"), key: auth()}})
    assert login(environment) == ME
    assert login(environment, "ghcr.io.example") is None
    assert login(environment, "ghcr.io:5000") is None


def test_docker_hub_has_a_name_of_its_own(tmp_path: Path) -> None:
    environment = written(tmp_path, {"auths": {"https://index.docker.io/v1/": auth()}})
    assert login(environment, "docker.io") == ME
    assert login(environment, "ghcr.io") is None


def test_the_entry_of_the_repository_comes_before_that_of_the_registry(tmp_path: Path) -> None:
    table = {"auths": {"h.example": auth("all"), "h.example/a": auth("a"), "h.example/a/b": auth("b")}}
    environment = written(tmp_path, table)
    users = {name: login(environment, "h.example", name) for name in ("a/b", "a/b/c", "a/c", "ab", "x")}
    assert {name: found and found.username for name, found in users.items()} == {
        "a/b": "b",
        "a/b/c": "b",
        "a/c": "a",
        "ab": "all",
        "x": "all",
    }


def test_where_files_are_looked_for(tmp_path: Path) -> None:
    """One after the other: each is found once the one before has nothing."""
    home = tmp_path / "home"
    places = {
        "REGISTRY_AUTH_FILE": tmp_path / "named.json",
        "docker": home / ".docker" / "config.json",
        "runtime": tmp_path / "run" / "containers" / "auth.json",
        "config": home / ".config" / "containers" / "auth.json",
    }
    for user, path in places.items():
        written(path.parent, {"auths": {"ghcr.io": auth(user)}}, path.name)
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    for user in ("docker", "runtime", "config"):
        found = login(environment)
        assert found is not None
        assert found.username == user
        places[user].write_text('{"auths": {"other.example": {}}}')
    assert login(environment) is None
    named = login(environment | {"REGISTRY_AUTH_FILE": str(places["REGISTRY_AUTH_FILE"])})
    assert named is not None
    assert find({}, "ghcr.io", "o/t") == FoundLogin()
    # an empty variable is none
    assert login({"REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": "", "XDG_RUNTIME_DIR": "", "HOME": ""}) is None


@pytest.mark.parametrize("variable", ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"])
def test_a_relative_folder_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """It would be one of the current folder, which may be a cloned project."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "own" / "containers", {"auths": {"ghcr.io": auth("stranger")}}, "auth.json")
    assert login({"HOME": str(tmp_path / "home"), variable: "own"}) is None


def test_identity_tokens(tmp_path: Path) -> None:
    environment = written(tmp_path, {"auths": {"ghcr.io": {**auth(), "identitytoken": "refresh"}}})
    assert find(environment, "ghcr.io", "o/t").credential == Credential(identity_token="refresh")
    environment = written(tmp_path, {"credsStore": "x"})
    environment |= helper(tmp_path / "bin", "x", """echo '{"Username":"<token>","Secret":"refresh"}'""")
    assert find(environment, "ghcr.io", "o/t").credential == Credential(identity_token="refresh")


def test_a_helper_of_one_registry_comes_before_the_store(tmp_path: Path) -> None:
    table = {"credHelpers": {"ghcr.io": "one"}, "credsStore": "all", "auths": {"ghcr.io": {}}}
    environment = written(tmp_path, table)
    asked = f'read host; echo "$host $1 $DOCKER_CONFIG" >> "{tmp_path}/asked"'
    for name in ("one", "all"):
        answer = json.dumps({"ServerURL": "x", "Username": name, "Secret": SECRET})
        environment |= helper(tmp_path / "bin", name, f"{asked}; echo '{answer}'")
    assert login(environment) == Login("one", SECRET)
    assert login(environment, "other.example") == Login("all", SECRET)
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"ghcr.io get {tmp_path}",
        f"other.example get {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo credentials not found; exit 1", "'docker-credential-x' returned no login"),
        ("echo nonsense", "'docker-credential-x' returned no login"),
        ("echo '{}'", "'docker-credential-x' returned no login"),
        ("head -c 200000 /dev/zero", "'docker-credential-x' returned no login"),
        ("sleep 60", "'docker-credential-x' returned no login"),
        (None, "'docker-credential-x' is not installed"),
    ],
)
def test_a_helper_without_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, problem: str
) -> None:
    monkeypatch.setattr(helper_program, "SECONDS", 0.3)
    environment = written(tmp_path, {"credsStore": "x"}) | {"PATH": os.environ["PATH"]}
    if script:
        environment |= helper(tmp_path / "bin", "x", script)
    found = find(environment, "ghcr.io", "o/t")
    assert (found.credential, found.problem, found.where) == (None, problem, str(tmp_path / "config.json"))


def test_no_helper_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "x", f"""touch "{tmp_path}/ran"; echo '{{"Username":"a","Secret":"b"}}'""")
    monkeypatch.chdir(tmp_path)
    environment = written(tmp_path, {"credsStore": "x"}) | {"PATH": f":.:{os.environ['PATH']}"}
    assert find(environment, "ghcr.io", "o/t").problem == "'docker-credential-x' is not installed"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{", "expected docker's file of logins: not JSON"),
        ("[" * 100_000, "expected docker's file of logins"),
        (
            '{"auths": []}',
            "expected docker's file of logins: auths: expected a table or nothing, found a list",
        ),
        ({"auths": {"ghcr.io": {"auth": f"{SECRET}!"}}}, "expected base64 as 'auth'"),
        ({"credsStore": "../../bin/x"}, "expected the name of a credential helper"),
        ({"credsStore": "-x/y"}, "expected the name of a credential helper"),
        ({"auths": {"ghcr.io": auth("me", "x" * 20_000)}}, "expected a login of at most 16,384 characters"),
        ("x" * (2 << 20), "the file has more than 1,048,576 bytes"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, table: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        find(written(tmp_path, table), "ghcr.io", "o/t")
    assert caught.value.message.startswith(message)
    assert caught.value.where == str(tmp_path / "config.json")
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_other_keys_and_empty_entries_do_not_matter(tmp_path: Path) -> None:
    table = {
        "psFormat": "x",
        "credsStore": None,
        "credHelpers": None,
        "auths": {"ghcr.io": None, "x": {"email": 1}},
    }
    assert find(written(tmp_path, table), "ghcr.io", "o/t") == FoundLogin()
    # Google's key is a whole file
    key = '{\n  "type": "service_account"\n}'
    assert login(written(tmp_path, {"auths": {"gcr.io": auth("_json_key", key)}}), "gcr.io") == Login(
        "_json_key", key
    )


def test_nothing_shows_a_login() -> None:
    assert SECRET not in repr(FoundLogin(Credential(ME)))
    assert SECRET not in repr(Credential(identity_token=SECRET))
