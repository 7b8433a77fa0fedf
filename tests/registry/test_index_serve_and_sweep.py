"""Trying an index out over HTTP, and what time does to its files."""

import http.client
import re
import subprocess
from collections.abc import Iterator

import pytest
from support.community import Community
from support.faked_clock import Calendar, Machine
from support.sandbox import Sandbox


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[tuple[Community, int]]:
    """An index with one release, and the port it is served on."""
    community = Community(sandbox)
    community.claim()
    community.publish()
    (community.folder / "pending").mkdir(exist_ok=True)
    (community.folder / "pending" / "x.json").write_text("{}")
    (community.folder / "metadata" / "link.json").symlink_to("/etc/passwd")
    process = sandbox.spawn("index", "serve", community.folder)
    assert process.stdout
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", process.stdout.readline())
    assert found
    yield community, int(found[1])
    process.send_signal(2)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (130, False), (out, err)


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_index_is_served_and_nothing_beside_it(served: tuple[Community, int]) -> None:
    community, port = served
    root = (community.folder / "metadata/1.root.json").read_bytes()
    assert _get(port, "/metadata/1.root.json") == (200, root)
    (release,) = (community.folder / "files").iterdir()
    assert _get(port, f"/files/{release.name}") == (200, release.read_bytes())
    for path in (
        "/",
        "/metadata/",
        "/metadata",
        "/pending/x.json",
        "/metadata/../pending/x.json",
        "/metadata/%2e%2e/pending/x.json",
        "/../home/.local/state/tarkpm/keys/alice.pem",
        "/metadata/link.json",
        "/nothing",
    ):
        assert _get(port, path)[0] == 404, path


def test_it_listens_on_this_machine_alone(served: tuple[Community, int]) -> None:
    _, port = served
    listening = subprocess.run(
        ["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True
    ).stdout
    mine = [line.split()[1] for line in listening.splitlines() if f":{port:04X} 0" in line and " 0A " in line]
    assert mine == [f"0100007F:{port:04X}"]


def test_an_index_is_served_only_where_there_is_one(sandbox: Sandbox) -> None:
    sandbox.run("index", "serve", ".").failed(2, "the folder does not contain an index")


def test_what_was_superseded_is_kept_for_two_days_and_then_deleted(
    sandbox: Sandbox, calendar: Calendar
) -> None:
    community = Community(sandbox)
    community.claim()
    community.publish("1.0.0")
    folder = community.folder
    (folder / "metadata" / ".9.targets.json.0123.tmp").write_text("half")
    (folder / "files" / ".half.tmp").write_text("half")
    calendar.today = "2099-01-01"
    machine = Machine(sandbox.root / "later", calendar)
    (machine.home / ".local").symlink_to(sandbox.home / ".local")
    superseded = folder / "metadata" / "1.snapshot.json"
    first_rows = set((folder / "targets/index").iterdir())
    community.publish("1.1.0")
    assert community.run("refresh", "--json").ok().json["swept"] == 2, "what was half written goes at once"
    assert superseded.exists()
    later = machine.tarkpm("index", "refresh", "--json", cwd=folder).ok().json
    assert later["renewed"] == 2, "both index bins ran out"
    assert not superseded.exists()
    assert (folder / "metadata" / "1.root.json").exists()
    assert len(list((folder / "metadata").glob("*.snapshot.json"))) == 2, "the one before is two days old now"
    assert len(list((folder / "files").iterdir())) == 2
    machine.tarkpm("index", "accept", community.release("1.2.0"), cwd=folder).ok()
    calendar.today = "2099-01-09"
    machine.tarkpm("index", "refresh", cwd=folder).ok()
    assert not first_rows & set((folder / "targets/index").iterdir())
    assert (
        machine.tarkpm("index", "check", "--json", cwd=folder)
        .json["findings"][0]["message"]
        .startswith("'root' expired on")
    )
