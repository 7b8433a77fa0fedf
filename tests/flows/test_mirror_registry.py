"""`mirror oci://…`: what a person types who copies a project's plugins to another registry, and those who use it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from host.imports.web import make_authority
from support.daemons import needed
from support.indexed import IndexedProject
from support.oci_publisher import OciPublisher
from support.ociregistry import PASSWORD, USER, OciRegistry, login, oci_registry
from support.oddregistry import Handler, OddRegistry
from support.sandbox import WASM, Sandbox

from tarkpm.core.digest import sha256
from tarkpm.core.user_config import UserConfig


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    with oci_registry(tmp_path_factory.mktemp("source")) as running:
        yield running


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    with oci_registry(tmp_path_factory.mktemp("mirror")) as running:
        yield running


def _project(sandbox: Sandbox, *publishers: OciPublisher, env: Mapping[str, str] | None = None) -> None:
    sandbox.init()
    for one in publishers:
        sandbox.run("add", one.oci, "--trust", one.key, "--accept-capabilities", env=env).ok()


def _mate(sandbox: Sandbox, root: Path, printed: str) -> Sandbox:
    """Somebody else with the same project, who put into the configuration what was printed."""
    mate = Sandbox(root)
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, mate.cwd / name)
    folder = mate.home / ".config" / "tarkpm"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(printed[printed.index("[mirror]") :])
    return mate


def _named(host: str) -> str:
    return host.replace(":", "_")


def test_the_errand(sandbox: Sandbox, source: OciRegistry, mirror: OciRegistry, tmp_path: Path) -> None:
    tools = OciPublisher(sandbox, source.host, "text-tools", "errand/text-tools")
    count = OciPublisher(sandbox, source.host, "word-count", "errand/word-count")
    digests = [tools.release("1.0.0"), count.release("2.0.0", sign="other")]
    _project(sandbox, tools, count)
    source.requests, mirror.requests  # noqa: B018  those before do not count

    target = f"oci://{mirror.host}/team/mirror"
    out = sandbox.run("mirror", target).ok().out
    place = f"{target}/{_named(source.host)}"
    assert out.splitlines() == [
        f"✓ {target} has 2 plugins (2 new)",
        f"  {place}/errand/text-tools:1.0.0",
        f"  {place}/errand/word-count:2.0.0",
        "  next     users add this to ~/.config/tarkpm/config.toml:",
        "",
        "[mirror]",
        f'"oci://{source.host}" = "{place}"',
    ]
    # Modules that the store has are not fetched, and configs are in the manifests.
    assert sorted(source.requests) == [
        f"GET /v2/errand/{name}/manifests/{digest} 200"
        for name, digest in zip(("text-tools", "word-count"), digests, strict=True)
    ]
    assert sum(line.endswith(("201", "202")) for line in mirror.requests) == 10

    # It serves the same lock.
    mate = _mate(sandbox, tmp_path / "mate", out)
    mate.run("sync", "--accept-project").ok()
    mate.run("verify").ok()
    assert mate.run("versions", tools.oci, "--json").ok().json["versions"][0]["tag"] == "1.0.0"
    assert source.requests == []

    # Nothing new: both are read back, and nothing is pushed.
    mirror.requests  # noqa: B018
    again = sandbox.run("mirror", target, "--json").ok().json
    assert [(one["digest"], one["existed"]) for one in again["plugins"]] == [(each, True) for each in digests]
    assert again["mirror"] == {f"oci://{source.host}": place}
    assert all(line.startswith("GET") for line in mirror.requests)
    assert source.requests == []

    # A newer release goes beside the older one.
    third = tools.release("1.1.0")
    sandbox.run("update").ok()
    assert "(1 new)" in sandbox.run("mirror", target).ok().out
    mate.run("update", "--accept-project").ok()
    assert third in (mate.cwd / "tark.lock").read_text()


def test_a_digest_without_a_tag_and_a_package_of_wkg(
    sandbox: Sandbox, source: OciRegistry, mirror: OciRegistry, tmp_path: Path
) -> None:
    tools = OciPublisher(sandbox, source.host, "text-tools", "bare/text-tools")
    digest = tools.release("1.0.0")
    tools.oci += f"@{digest}"
    wkg = OciPublisher(sandbox, source.host, "word-count", "bare/word-count")
    pushed = wkg.push_raw("0.1.0", {"architecture": "wasm", "os": "wasip2"}, WASM)
    _project(sandbox, tools)
    sandbox.run("add", f"{wkg.oci}:0.1.0", "--allow-unsigned", "word-count").ok()
    out = sandbox.run("mirror", f"oci://{mirror.host}").ok().out
    assert f"  oci://{mirror.host}/{_named(source.host)}/bare/text-tools@{digest}" in out
    source.requests  # noqa: B018
    mate = _mate(sandbox, tmp_path / "mate", out)
    mate.run("sync", "--accept-project").ok()
    lock = (mate.cwd / "tark.lock").read_text()
    assert digest in lock
    assert pushed in lock
    assert source.requests == []


def test_private_registries(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each has its own login: one by password and with a private authority, the other by a token server."""
    authority, key = make_authority(tmp_path, "localhost")
    with (
        oci_registry(tmp_path / "source", auth="htpasswd", tls=key) as source,
        oci_registry(tmp_path / "mirror", auth="token") as mirror,
    ):
        env = login(tmp_path / "docker", source.host) | {"SSL_CERT_FILE": str(authority)}
        both = json.loads((tmp_path / "docker" / "config.json").read_text())
        both["auths"][mirror.host] = both["auths"][source.host]
        tools = OciPublisher(sandbox, source.host, "text-tools", "o/text-tools")
        with pytest.MonkeyPatch.context() as patched:
            for name, value in env.items():
                patched.setenv(name, value)
            digest = tools.release("1.0.0")
        _project(sandbox, tools, env=env)
        target = f"oci://{mirror.host}/m"
        # With a login for the one registry alone, the other gets none.
        sandbox.run("mirror", target, env=env).failed(
            5, "the registry requires a login to push to the repository", f"docker login {mirror.host}"
        )
        (tmp_path / "docker" / "config.json").write_text(json.dumps(both))
        report = sandbox.run("mirror", target, "--json", env=env).ok().json
        assert report["plugins"][0]["digest"] == digest
        assert mirror.blob_file(digest).exists()
        assert f"{USER}:{PASSWORD}" not in json.dumps(report)


def test_an_interrupted_copy_goes_on(sandbox: Sandbox, source: OciRegistry) -> None:
    """Whichever request is the last one, no tag is there before its blobs, and the next run completes it."""
    tools = OciPublisher(sandbox, source.host, "text-tools", "stops/text-tools")
    digest = tools.release("1.0.0")
    _project(sandbox, tools)
    with OddRegistry() as odd:
        # one to ask for the tag, two for each blob, one for the manifest, three to read them back
        for last in range(9):
            seen = [0]

            def ends(handler: Handler, last: int = last, seen: list[int] = seen) -> bool:
                seen[0] += 1
                return seen[0] > last and handler.reply(403)

            odd.blobs.clear()
            odd.manifests.clear()
            odd.answers = {"/v2/": ends}
            sandbox.run("mirror", f"oci://{odd.host}/m").failed(5, "HTTP 403")
            assert "1.0.0" not in odd.manifests or len(odd.blobs) == 3
            odd.answers = {}
            before = len(odd.requests)
            out = sandbox.run("mirror", f"oci://{odd.host}/m").ok().out
            assert ("nothing new" in out) == (last >= 6), out
            puts = [line for line in odd.requests[before:] if line.startswith("PUT")]
            # the bytes that are there already are not sent again
            assert len(puts) == (3 if last < 3 else 2 if last < 5 else 1 if last < 6 else 0)
            assert odd.manifests["1.0.0"] == odd.blobs[digest]
            assert len(odd.blobs) == 3


def test_a_blob_that_the_mirror_lost_is_pushed_again(sandbox: Sandbox, source: OciRegistry) -> None:
    tools = OciPublisher(sandbox, source.host, "text-tools", "lost/text-tools")
    tools.release("1.0.0")
    _project(sandbox, tools)
    with OddRegistry() as odd:
        target = f"oci://{odd.host}/m"
        sandbox.run("mirror", target).ok()
        kept = dict(odd.blobs)
        for digest, data in kept.items():
            if data != odd.manifests["1.0.0"]:
                del odd.blobs[digest]
        assert "(1 new)" in sandbox.run("mirror", target).ok().out
        assert odd.blobs == kept


def test_a_folder_of_image_layouts(sandbox: Sandbox, source: OciRegistry, tmp_path: Path) -> None:
    """Carried to where no registry is. skopeo reads it, and what skopeo wrote into it stays."""
    skopeo = needed("skopeo", shutil.which("skopeo"))
    tools = OciPublisher(sandbox, source.host, "text-tools", "folder/text-tools")
    older = tools.release("0.9.0")
    digest = tools.release("1.0.0")
    _project(sandbox, tools)
    folder = sandbox.cwd / "mirror" / _named(source.host) / "folder" / "text-tools"
    copy = [skopeo, "--tmpdir", str(tmp_path), "copy", "--preserve-digests"]
    folder.parent.mkdir(parents=True)
    subprocess.run(
        [
            *copy,
            "--src-tls-verify=false",
            f"docker://{source.host}/folder/text-tools:0.9.0",
            f"oci:{folder}:0.9.0",
        ],
        check=True,
        capture_output=True,
    )
    out = sandbox.run("mirror", "oci:mirror").ok().out
    assert out.splitlines()[:2] == [
        f"✓ {sandbox.cwd}/mirror has 1 plugin (1 new)",
        f"  {folder}:1.0.0",
    ]
    source.requests  # noqa: B018
    mate = _mate(sandbox, tmp_path / "mate", out)
    mate.run("sync", "--accept-project").ok()
    rows = mate.run("versions", tools.oci, "--json").ok().json["versions"]
    assert [row["tag"] for row in rows] == ["1.0.0", "0.9.0"]
    assert source.requests == []
    for tag, expected in (("0.9.0", older), ("1.0.0", digest)):
        subprocess.run(
            [*copy, f"oci:{folder}:{tag}", f"dir:{tmp_path}/{tag}"], check=True, capture_output=True
        )
        assert f"sha256:{sha256((tmp_path / tag / 'manifest.json').read_bytes())}" == expected

    before = _files(folder)
    # What a killed copy was writing is deleted.
    for place in (folder, folder / "blobs" / "sha256"):
        (place / ".index.json.0123456789abcdef.tmp").write_bytes(b"{")
    assert "(nothing new)" in sandbox.run("mirror", "oci:./mirror/").ok().out
    assert _files(folder) == before
    # No shell expands this '~'.
    sandbox.run("mirror", "oci:~/mirror").ok()
    assert list((sandbox.home / "mirror").rglob("index.json"))
    assert _files(folder) == before
    # Damaged blobs are replaced.
    manifest = json.loads((folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes())
    for one in (digest, manifest["config"]["digest"], manifest["layers"][0]["digest"]):
        file = folder / "blobs/sha256" / one.removeprefix("sha256:")
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert "(1 new)" in sandbox.run("mirror", "oci:mirror").ok().out
    assert _files(folder) == before


def test_a_tag_of_a_folder_is_never_moved(sandbox: Sandbox, source: OciRegistry) -> None:
    tools = OciPublisher(sandbox, source.host, "text-tools", "still/text-tools")
    tools.release("1.0.0")
    _project(sandbox, tools)
    sandbox.run("mirror", "oci:mirror").ok()
    odd = sandbox.run("mirror", 'oci:a "folder" \N{PACKAGE}').ok().out
    assert UserConfig.parse(odd[odd.index("[mirror]") :].encode(), where="here").mirrors.of(
        f"oci://{tools.place}"
    ) == (f'{sandbox.cwd}/a "folder" \N{PACKAGE}/{_named(source.host)}/{tools.repository}')
    before = _files(sandbox.cwd / "mirror")
    tools.release("1.0.0", extra='homepage = "https://example.com"')
    sandbox.run("update", "--allow-republished").ok()
    sandbox.run("mirror", "oci:mirror").failed(
        2, "the tag '1.0.0' leads to sha256:", "mirror to another path"
    )
    assert _files(sandbox.cwd / "mirror") == before
    # Nor if what it leads to is lost.
    for name in before:
        if "/blobs/" in name:
            (sandbox.cwd / "mirror" / name).unlink()
    (index,) = (sandbox.cwd / "mirror").rglob("index.json")
    listed = index.read_bytes()
    sandbox.run("mirror", "oci:mirror").failed(2, "the tag '1.0.0' leads to another manifest")
    assert index.read_bytes() == listed
    index.write_text("[]")
    sandbox.run("mirror", "oci:mirror").failed(2, "expected the index.json of an OCI image layout")


def _files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_what_is_not_of_a_registry(sandbox: Sandbox, indexed: IndexedProject, mirror: OciRegistry) -> None:
    indexed.release("calc")
    indexed.use()
    indexed.sandbox.run("add", "calc", "--accept-capabilities").ok()
    target = f"oci://{mirror.host}/m"
    push = f"make a bundle, then: tarkpm bundle push plugins.tar {target}"
    indexed.sandbox.run("mirror", target).failed(2, "tark.lock uses no plugin of an OCI registry", push)
    indexed.sandbox.run("mirror", target, "--index", "community").failed(
        2, "registries serve plugins, not indexes", push
    )
    indexed.sandbox.run("mirror", "oci:m").failed(2, "uses no plugin of an OCI registry", "tarkpm mirror m")
    tools = OciPublisher(indexed.sandbox, mirror.host, "text-tools", "beside/text-tools")
    tools.release("1.0.0")
    words = ("add", f"{tools.oci}:1.0.0", "--trust", tools.key, "--accept-capabilities")
    indexed.sandbox.run(*words).ok()
    done = indexed.sandbox.run("mirror", target, "--only-locked").ok()
    assert "note: not in the mirror, because they are not from a registry: 'calc'" in done.err
    assert "has 1 plugin (1 new)" in done.out


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("oci://", "expected the host of a registry behind oci://"),
        ("oci://h.example/UP", "expected the name of a repository in lower case, found 'UP'"),
        ("oci://h.example/m:1.0.0", "expected the name of a repository such as owner/text-tools"),
        ("OCI://pat:secret@h.example/m", "a registry with a user name or password is not accepted"),
        ("oci://h.example/" + "a/" * 130 + "a", "a repository name has at most 255 characters"),
        ("oci:", "expected a folder behind oci:"),
        ("oci:/", "expected a folder behind oci:"),
    ],
)
def test_where_nothing_can_be_mirrored(sandbox: Sandbox, target: str, text: str) -> None:
    sandbox.init()
    assert "secret" not in sandbox.run("mirror", target).failed(2, text).err
    assert "secret" not in sandbox.run("mirror", target, "--index", "x").failed(2, "not indexes").err


def test_offline_and_before_consent(sandbox: Sandbox, source: OciRegistry, tmp_path: Path) -> None:
    tools = OciPublisher(sandbox, source.host, "text-tools", "consent/text-tools")
    tools.release("1.0.0")
    _project(sandbox, tools)
    with OddRegistry() as odd:
        target = f"oci://{odd.host}/m"
        sandbox.run("mirror", target, "--offline").failed(5, "--offline forbids network requests")
        mate = Sandbox(tmp_path / "mate")
        for name in ("tark.toml", "tark.lock"):
            shutil.copy(sandbox.cwd / name, mate.cwd / name)
        source.requests  # noqa: B018
        mate.run("mirror", target).failed(4, "fetch 'text-tools'")
        assert not odd.requests
        assert not source.requests
