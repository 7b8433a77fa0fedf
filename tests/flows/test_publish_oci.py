"""`publish --to oci://…`: what an author types and sees, against CNCF distribution."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemons import needed
from support.ociregistry import OciRegistry, login, oci_registry
from support.oddregistry import Handler, OddRegistry
from support.sandbox import Sandbox

from tarkpm.core.oci.artifact import CONFIG_TYPE, MANIFEST_TYPE, WASM_TYPE, Descriptor
from tarkpm.core.oci.decode import decode, parse_manifest
from tarkpm.core.release import GitSource
from tarkpm.core.verification import verify_release
from tarkpm.sources.oci import Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    with oci_registry(tmp_path_factory.mktemp("oci"), auth="token") as server:
        yield server


@pytest.fixture
def author(sandbox: Sandbox) -> Sandbox:
    sandbox.key()
    source = sandbox.plugin(sandbox.cwd / "mine")
    (source / "README.md").write_text("read me\n")
    (source / "notes.txt").write_text("not part of a release\n")
    return sandbox


def test_a_release_is_pushed_once(author: Sandbox, registry: OciRegistry) -> None:
    to = f"oci://{registry.host}/once/text-tools"
    words = ("publish", "./mine", "--key", "release", "--to", to)
    # without a login, the registry only reads
    assert (
        author.run(*words, "--dry-run").ok().out.startswith(f"would push {to}:1.0.0: README.md, plugin.dsse")
    )
    author.run(*words).failed(
        5, "the registry requires a login to push to the repository", f"docker login {registry.host}"
    )
    env = login(author.home / ".docker", registry.host)
    registry.requests  # noqa: B018  looked at, so that only later ones are counted
    pushed = author.run(*words, env=env).ok().out.splitlines()
    assert len(registry.requests) == 8
    assert pushed[0] == f"pushed {to}:1.0.0: README.md, plugin.dsse.json, plugin.toml, plugin.wasm"
    assert pushed[1] == "  release  text-tools 1.0.0"
    assert "(signed now with key 'release')" in pushed[2]
    again = author.run(*words, "--json", env=env).ok().json
    assert len(registry.requests) == 3
    assert pushed[3] == f"  digest   {again['digest']}"
    assert pushed[4] == f"  next     users run: tarkpm add {to}:1.0.0"
    assert (again["reference"], again["written"], again["existed"]) == (f"{to}:1.0.0", False, True)
    assert author.run(*words, "--dry-run", env=env).ok().out.startswith(f"already published: {to}:1.0.0")

    with Registry(registry.host, env) as client:
        found = client.manifest("once/text-tools", "1.0.0")
        manifest = parse_manifest(found.data, where=to)
        artifact = decode(manifest, manifest.inline or b"", where=to)
        wasm = client.blob("once/text-tools", artifact.digest, artifact.module.size)
    assert artifact.plugin is not None
    files = {**artifact.plugin.files, artifact.module.name: wasm}
    release = verify_release(
        files, artifact.plugin.statement, GitSource("https://git.example/t.git"), where=to
    )
    assert (str(release.signer), found.digest) == (again["signer"], again["digest"])
    config = json.loads(manifest.inline or b"")
    assert config["os"] == "wasip2"
    assert any(name.startswith("tark:plugin/tool") for name in config["component"]["exports"])

    (author.cwd / "mine" / "README.md").write_text("other\n")
    author.run(*words, env=env).failed(
        2,
        "another release has this tag, with other contents of 'README.md', 'plugin.dsse.json'",
        f"{to}:1.0.0",
        "raise plugin.version in plugin.toml",
    )
    assert author.run(*words[:-1], f"{to}:next", env=env).ok().out.startswith(f"pushed {to}:next")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("oci://h.example/o/t:2.0.0", "the tag '2.0.0' names another version than plugin.toml, 1.0.0"),
        ("oci://h.example/o/t:^1", "expected a tag of letters, digits, '.', '_' and '-', found '^1'"),
        ("oci://h.example/o/t@sha256:" + "a" * 64, "expected a tag to publish under, found a digest"),
        ("oci://h.example/O/t", "expected the name of a repository in lower case, found 'O/t'"),
        ("OCI://me:secret@h.example/o/t", "a reference with a user name or password is not accepted"),
    ],
)
def test_where_nothing_can_be_published(author: Sandbox, to: str, message: str) -> None:
    failed = author.run("publish", "./mine", "--key", "release", "--to", to).failed(2, message)
    assert "secret" not in failed.err


def test_build_metadata_is_no_tag(author: Sandbox) -> None:
    author.plugin(author.cwd / "mine", version="1.0.0+linux")
    author.run("publish", "./mine", "--key", "release", "--to", "oci://h.example/o/t").failed(
        2, "a registry has no tags with '+', leave out the build metadata of '1.0.0+linux'"
    )


def test_offline(author: Sandbox) -> None:
    author.run(
        "publish", "./mine", "--key", "release", "--to", "oci://h.example/o/t", env={"TARKPM_OFFLINE": "1"}
    ).failed(5, "TARKPM_OFFLINE forbids network requests")


def test_what_else_may_have_the_tag(author: Sandbox) -> None:
    config = b"{}"
    component = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": described(Descriptor.of(CONFIG_TYPE, config)),
        "layers": [described(Descriptor.of(WASM_TYPE, b"\0asm"))],
    }
    with OddRegistry() as odd:
        to = f"oci://{odd.host}/o/t"
        odd.put(config)
        odd.put(json.dumps(component).encode(), "1.0.0", "latest")
        author.run("publish", "./mine", "--key", "release", "--to", to).failed(
            2, "another release has this tag, with other contents of", "raise plugin.version in plugin.toml"
        )
        odd.put(b'{"mediaType":"application/vnd.oci.image.index.v1+json"}', "latest")
        author.run("publish", "./mine", "--key", "release", "--to", f"{to}:latest").failed(
            2, "the tag has something else than a plugin: expected one artifact", "choose another tag"
        )
        assert not odd.uploads


def test_a_push_that_ends_anywhere_leaves_no_half_of_a_release(author: Sandbox) -> None:
    """Whichever request is the last one, the tag is not there before its blobs, and the next push completes it."""
    with OddRegistry() as odd:
        count = 6
        for last in range(count):
            tag, seen = f"try-{last}", [0]

            def ends(handler: Handler, last: int = last, seen: list[int] = seen) -> bool:
                seen[0] += 1
                return seen[0] > last and handler.reply(403)

            odd.blobs.clear()
            odd.answers = {"/v2/": ends}
            words = ("publish", "./mine", "--key", "release", "--to", f"oci://{odd.host}/o/t:{tag}")
            author.run(*words).failed(5, "HTTP 403")
            assert tag not in odd.manifests
            odd.answers = {}
            author.run(*words).ok()
            assert tag in odd.manifests
            assert len(odd.blobs) == 3
        assert len({odd.manifests[f"try-{last}"] for last in range(count)}) == 1
        # other registries do not have the referrers API, so nothing depends on it
        assert not any("referrers" in line for line in odd.requests)


def described(item: Descriptor) -> dict[str, object]:
    return {"mediaType": item.media_type, "digest": item.digest, "size": item.size}


def test_skopeo_reads_it(author: Sandbox, tmp_path: Path) -> None:
    skopeo = needed("skopeo", shutil.which("skopeo"))
    with oci_registry(tmp_path / "registry") as server:
        to = f"oci://{server.host}/o/text-tools"
        digest = author.run("publish", "./mine", "--key", "release", "--to", to, "--json").ok().json["digest"]
        where = f"docker://{server.host}/o/text-tools"
        read = [skopeo, "inspect", "--raw", "--tls-verify=false", f"{where}@{digest}"]
        assert json.loads(subprocess.run(read, check=True, capture_output=True).stdout)["schemaVersion"] == 2
        tags = [skopeo, "list-tags", "--tls-verify=false", where]
        assert json.loads(subprocess.run(tags, check=True, capture_output=True).stdout)["Tags"] == ["1.0.0"]
