"""nginx serves an index, its log and its pages as index/README.md says, and the blobs of a registry."""

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest
from support.logged import LoggedIndex
from support.nginx import nginx
from support.ociregistry import login, oci_registry
from support.sandbox import Sandbox

README = Path(__file__).parents[2] / "index" / "README.md"
MUTABLE = {"metadata/timestamp.json", "log/checkpoint", "log/cosigned"}


@pytest.fixture
def hosted(logged: LoggedIndex, tmp_path: Path) -> Iterator[str]:
    """The server of the documentation, with the index and its pages."""
    logged.run("site", logged.folder, "-o", tmp_path / "public", "--url", "https://plugins.example.com").ok()
    block = re.search(r"```nginx\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    replaced = {"/srv/community": str(logged.folder), "/srv/public": str(tmp_path / "public")}
    with nginx(tmp_path / "nginx", block[1], replaced) as url:
        yield url


def test_users_of_an_index_behind_nginx(logged: LoggedIndex, hosted: str, tmp_path: Path) -> None:
    for name in ("wanda", "will"):
        logged.witness(name, place=None).ok()
    logged.run("refresh").ok()
    user, mate = Sandbox(tmp_path / "user"), Sandbox(tmp_path / "mate")
    user.init()
    user.run("index", "add", "community", f"{hosted}/index", "--root", logged.root).ok()
    user.run("add", "text-tools", "--accept-capabilities").ok()
    assert "seen by 2 witnesses" in user.run("info", "text-tools").ok().out
    assert "✓ 1 entry, seen by 2 witnesses" in user.run("index", "log", "check", "community").ok().out
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(user.cwd / name, mate.cwd / name)
    mate.run("sync", "--accept-project").ok()
    mate.run("audit").ok()
    # What changes under its name is seen at once.
    logged.publish("1.1.0")
    assert user.run("outdated", "--json").failed(1).json["plugins"][0]["update"] == "1.1.0"
    user.run("update", "--accept-capabilities").ok()
    assert "✓ 2 entries" in user.run("index", "log", "check", "community").ok().out
    copy = tmp_path / "copy"
    user.run("mirror", copy).ok()
    log = (tmp_path / "nginx" / "access.log").read_text()
    assert "GET /index/metadata/timestamp.json 200" in log
    assert {line.split()[2] for line in log.splitlines()} <= {"200", "304", "404"}


def test_the_pages_behind_nginx(hosted: str) -> None:
    """Every link leads to a file of the right type, with the policy of index/site.md."""
    seen: dict[str, str] = {}
    todo = [f"{hosted}/index.html"]
    while todo:
        url = todo.pop()
        if url in seen:
            continue
        with urllib.request.urlopen(url) as answer:
            seen[url], body = answer.headers["content-type"], answer.read().decode()
            assert answer.headers["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self'"
            )
            assert answer.headers["x-content-type-options"] == "nosniff"
        if url.endswith(".html"):
            links = re.findall(r'(?:href|src|action)="([^"]*)"', body)
            places = [urldefrag(urljoin(url, link)).url for link in links]
            todo += [place for place in places if place.startswith(hosted)]
    # With nosniff, a browser runs and applies nothing of another type.
    types = {Path(url).suffix: kind for url, kind in seen.items()}
    assert types[".html"].startswith("text/html")
    assert types[".css"] == "text/css"
    assert types[".js"] == "application/javascript"
    assert types[".atom"] == "application/atom+xml"
    with urllib.request.urlopen(f"{hosted}/") as front:
        assert b"text-tools" in front.read()
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        urllib.request.urlopen(f"{hosted}/index/nothing")
    missing.value.close()


def test_what_a_cache_may_keep(logged: LoggedIndex) -> None:
    before = _files(logged.folder)
    logged.publish("1.1.0")
    for name in ("wanda", "will"):
        logged.witness(name).ok()
    logged.run("refresh").ok()
    after = _files(logged.folder)
    changed = {name for name in before if name in after and after[name] != before[name]}
    assert changed <= MUTABLE
    assert changed >= {"metadata/timestamp.json", "log/checkpoint"}


def test_a_registry_that_sends_for_blobs_elsewhere(sandbox: Sandbox, tmp_path: Path) -> None:
    """As one before an object store does. Its login stays with it."""
    block = "server { listen 443 ssl; location / { root /blobs; } }"
    with (
        nginx(tmp_path / "nginx", block, {"/blobs": str(tmp_path / "registry")}) as store,
        oci_registry(tmp_path / "registry", auth="htpasswd", redirect=store) as registry,
    ):
        env = login(tmp_path / "docker", registry.host)
        sandbox.key()
        sandbox.plugin(sandbox.cwd / "mine")
        to = f"oci://{registry.host}/owner/text-tools"
        key = (
            sandbox.run("publish", "./mine", "--key", "release", "--to", to, "--json", env=env)
            .ok()
            .json["signer"]
        )
        sandbox.init()
        sandbox.run("add", to, "--trust", key, "--accept-capabilities", env=env).ok()
        sandbox.run("verify").ok()
        assert any("/blobs/sha256:" in line and line.endswith(" 307") for line in registry.requests)
        (line,) = (tmp_path / "nginx" / "access.log").read_text().splitlines()
        assert line.startswith("GET /docker/registry/v2/blobs/sha256/")
        assert line.endswith('/data 200 "-"')


def _files(folder: Path) -> dict[str, bytes]:
    served = ("metadata", "targets", "files", "log")
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for top in served
        for one in (folder / top).rglob("*")
        if one.is_file()
    }
