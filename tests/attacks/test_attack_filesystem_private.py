"""`filesystem` with the home folder as workspace: the private places are as closed as they are to `fs_read`."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.sandbox import Sandbox
from support.wat import reaching_tool

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.private_places import NAMES, PLACES, RUN
from tarkpm.host.image import PluginImage
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.run.images import serve

CLOSED = {"err": "plugins may not use this file or folder"}
LINK = "is a link, and links are not followed"
READABLE = [
    place.replace("*", "x")
    for places in (*PLACES.values(), *(n.split() for n in NAMES.values()))
    for place in places
]
RUNNING = [place.replace("*", "x") for place in RUN.split()]


class Plugin:
    """A plugin that was granted folders of a workspace, with everything as a command would set it up."""

    def __init__(
        self,
        home: Path,
        workspace: Path,
        *scopes: str,
        shell: bool = False,
        variables: Mapping[str, str] = {},  # it is not changed
    ) -> None:
        environment = {"HOME": str(home), **variables}
        settings = Settings(cwd=workspace, paths=user_paths(environment), environment=environment)
        granted = CapabilitySet.from_table({"filesystem": list(scopes), "shell": shell})
        image = PluginImage("p", "tool", b"", granted, home / "data")
        self._served = serve(settings, workspace)(image, lambda _: None)

    def __getattr__(self, function: str) -> Callable[..., Any]:
        return lambda *args: self._served["filesystem"].call(function, args, time.monotonic() + 10)

    def run(self, *args: Any) -> Any:
        """Run a program."""
        return self._served["shell"].call("run", args, time.monotonic() + 10)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def _put(path: Path, text: str = "secret") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _closed(plugin: Plugin, path: str, *, readable: bool = False) -> None:
    """Nothing of the file can be read, written, seen or removed."""
    if not readable:
        assert plugin.read(path) == CLOSED, path
    assert plugin.write(path, "x") == CLOSED, path
    assert plugin.remove(path) == CLOSED, path


@pytest.mark.parametrize("place", READABLE)
def test_every_private_place(home: Path, place: str) -> None:
    kept = _put(home / place / "x")
    plugin = Plugin(home, home, f"{place.split('/', maxsplit=1)[0]}/", place)
    _closed(plugin, f"{place}/x")
    _closed(plugin, place)
    if "/" in place:
        parent, _, last = place.rpartition("/")
        listed = plugin.list(parent)
        assert listed == CLOSED or last not in [entry["name"] for entry in listed["ok"]]
    assert kept.read_text() == "secret"


@pytest.mark.parametrize("place", RUNNING)
def test_what_is_run_or_names_what_is_run_is_not_written(home: Path, place: str) -> None:
    _put(home / place / "x", "settings")
    plugin = Plugin(home, home, f"{place.split('/', maxsplit=1)[0]}/", place)
    _closed(plugin, f"{place}/x", readable=True)
    assert plugin.write(f"{place}/new", "x") == CLOSED
    assert not (home / place / "new").exists()


@pytest.mark.parametrize("spelling", [".SSH/id", ".s\u017fh/id", ".ssh./id", ".ssh::$DATA/id", ".ＳＳＨ/id"])
def test_other_spellings(home: Path, spelling: str) -> None:
    _put(home / spelling)
    first = spelling.split("/", maxsplit=1)[0]
    plugin = Plugin(home, home.parent, "home/")
    _closed(plugin, f"home/{spelling}")
    assert first not in [entry["name"] for entry in plugin.list("home")["ok"]]


@pytest.mark.parametrize("path", ["docs/../.ssh/id", "/etc/passwd", "docs//.ssh", "./../x", "docs/./x"])
def test_no_way_out_can_be_spelled(home: Path, path: str) -> None:
    _put(home / ".ssh" / "id")
    assert "err" in Plugin(home, home, "docs/").read(path)


def test_links_and_second_names(home: Path) -> None:
    key = _put(home / ".ssh" / "id")
    (home / "docs").mkdir()
    (home / "docs" / "link").symlink_to(home / ".ssh")
    (home / "docs" / "file").symlink_to(key)
    (home / "docs" / "hard").hardlink_to(key)
    plugin = Plugin(home, home, "docs/")
    assert LINK in plugin.read("docs/link/id")["err"]
    assert LINK in plugin.read("docs/file")["err"]
    assert "a hard link" in plugin.read("docs/hard")["err"]
    assert "a hard link" in plugin.write("docs/hard", "x")["err"]
    assert key.read_text() == "secret"


def test_from_a_workspace_above_below_and_beside_the_home(home: Path, tmp_path: Path) -> None:
    for place in (
        ".config/gh/hosts.yml",
        ".config/git/credentials",
        ".ssh/id",
        ".local/state/tarkpm/mac.key",
    ):
        _put(home / place)
    _closed(Plugin(home, tmp_path, "home/"), "home/.config/gh/hosts.yml")
    _closed(Plugin(home, home / ".config", "gh/"), "gh/hosts.yml")
    _closed(Plugin(home, home / ".config" / "gh", "hosts.yml"), "hosts.yml")
    _closed(Plugin(home, home / ".ssh", "id"), "id")
    _closed(Plugin(home, home / ".local" / "state" / "tarkpm", "mac.key"), "mac.key")
    _put(tmp_path / "work" / "conf" / ".env")
    _put(tmp_path / "work" / "conf" / "server.key")
    _closed(Plugin(home, tmp_path / "work", "conf/"), "conf/.env")
    _closed(Plugin(home, tmp_path / "work", "conf/"), "conf/server.key")


def test_through_a_home_that_is_a_link(home: Path, tmp_path: Path) -> None:
    _put(home / ".config" / "gh" / "hosts.yml")
    (tmp_path / "linked").symlink_to(home)
    _closed(Plugin(tmp_path / "linked", home, ".config/"), ".config/gh/hosts.yml")
    _closed(Plugin(home, tmp_path / "linked", ".config/"), ".config/gh/hosts.yml")


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("XDG_CONFIG_HOME", "gh/hosts.yml"),
        ("XDG_CONFIG_HOME", "tark/tark.toml"),
        ("XDG_CONFIG_HOME", "tark/other_oauth.json"),
        ("XDG_DATA_HOME", "keyrings/login"),
        ("XDG_DATA_HOME", "tark/data/x/storage.db"),
        ("XDG_STATE_HOME", "tarkpm/mac.key"),
        ("XDG_CACHE_HOME", "mozilla/x"),
        ("TARKPM_CACHE_DIR", "blobs/x"),
        ("TARKPM_STATE_DIR", "keys/release.pem"),
        ("TARKPM_STATE_DIR", "mac.key"),
        ("GNUPGHOME", "trustdb"),
        ("CARGO_HOME", "credentials.toml"),
        ("DOCKER_CONFIG", "config.json"),
        ("XDG_RUNTIME_DIR", "containers/auth.json"),
        ("PASSWORD_STORE_DIR", "bank.gpg"),
    ],
)
def test_where_a_variable_moved_it(home: Path, tmp_path: Path, variable: str, place: str) -> None:
    moved = tmp_path / "work" / "moved"
    kept = _put(moved / place)
    for workspace, prefix in ((tmp_path / "work", "moved/"), (moved, "")):
        plugin = Plugin(
            home,
            workspace,
            prefix + place.split("/", maxsplit=1)[0] + "/",
            prefix + place,
            variables={variable: str(moved)},
        )
        _closed(plugin, prefix + place)
    assert kept.read_text() == "secret"


def test_another_plugins_credentials(home: Path) -> None:
    """The one exception of `fs_read` is for the plugin of that name, which a folder's grant cannot tell."""
    _put(home / ".config" / "tark" / "other_oauth.json")
    plugin = Plugin(home, home, ".config/")
    _closed(plugin, ".config/tark/other_oauth.json")
    assert "tark" not in [entry["name"] for entry in plugin.list(".config")["ok"]]


def test_a_program_does_not_begin_there(home: Path) -> None:
    _put(home / ".ssh" / "id")
    plugin = Plugin(home, home, shell=True)
    assert plugin.run(["/bin/cat", "id"], None, ".ssh", None) == CLOSED
    assert plugin.run(["/bin/pwd"], None, None, None)["ok"]["stdout"] == f"{home}\n"


def test_the_rest_of_the_home_folder_is_as_it_was(home: Path) -> None:
    _put(home / "docs" / "a.txt", "text")
    _put(home / ".config" / "mine" / "a.toml", "text")
    plugin = Plugin(home, home, "docs/", ".config/")
    assert plugin.read("docs/a.txt") == plugin.read(".config/mine/a.toml") == {"ok": "text"}
    assert plugin.write("docs/new", "x") == plugin.write(".config/mine/new", "x") == {"ok": None}


def test_a_real_plugin_of_the_users_own_in_the_home_folder(sandbox: Sandbox) -> None:
    """Installed with ``--user`` and run in the home folder, which is then its workspace."""
    _put(sandbox.home / ".ssh" / "id", "the key")
    _put(sandbox.home / "docs" / "a", "a text")
    folder = sandbox.plugin(
        sandbox.root / "src", capabilities='filesystem = [".ssh/", ".local/", "docs/"]', wasm=reaching_tool()
    )
    sandbox.run("add", folder, "--user", "--accept-capabilities", cwd=sandbox.home).ok()
    (mac_key,) = sandbox.state.rglob("*mac*")
    state = mac_key.relative_to(sandbox.home)
    script = (
        "import sys, tarkpm\n"
        "with tarkpm.Host.open() as host:\n"
        "    for path in sys.argv[1:]:\n"
        "        try: print(host.call('text-tools', 'r', path))\n"
        "        except tarkpm.errors.PluginFailed as problem: print(problem.message)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, "docs/a", ".ssh/id", str(state)],
        cwd=sandbox.home,
        env=sandbox.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == ["a text", CLOSED["err"], CLOSED["err"]]
