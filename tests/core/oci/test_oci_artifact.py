"""A release as an OCI artifact, and what comes back from a registry."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.releases import make_release

from tarkpm.core.digest import sha256
from tarkpm.core.key import from_bytes
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.oci.artifact import (
    CONFIG_TYPE,
    KEY,
    LOG_PROOF,
    MANIFEST_TYPE,
    SIGSTORE,
    WASM_TYPE,
    Descriptor,
    EncodedArtifact,
    ModuleNames,
    encode,
)
from tarkpm.core.oci.decode import decode, parse_manifest
from tarkpm.core.tlog.note import NoteKey, sign_checkpoint
from tarkpm.core.tlog.proof import LogProof
from tarkpm.errors import DigestMismatch, Refused, TooLarge

SURFACE = ModuleNames(("wasi:io/streams@0.2.0",), ("tark:plugin/tool@0.1.0",))


def encoded(ci_proof: bytes | None = None, **more: bytes) -> EncodedArtifact:
    release = make_release()
    files = {name: data for name, data in release.contents.items() if name != STATEMENT} | more
    return encode(
        files, release.candidate.manifest, SURFACE, statement=release.contents[STATEMENT], ci_proof=ci_proof
    )


def test_what_was_encoded_comes_back() -> None:
    contents = dict(make_release().contents)
    for proof in (None, b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}'):
        artifact = encoded(proof)
        manifest = parse_manifest(artifact.manifest, where="here")
        assert manifest.inline == artifact.config
        found = decode(manifest, artifact.config, where="here")
        assert found.plugin is not None
        assert (found.plugin.statement, found.plugin.ci_proof) == (contents[STATEMENT], proof)
        assert found.plugin.files == {
            name: data for name, data in contents.items() if name not in (STATEMENT, "plugin.wasm")
        }
        wasm = contents["plugin.wasm"]
        assert (found.module.name, found.module.sha256, found.module.size) == (
            "plugin.wasm",
            sha256(wasm),
            len(wasm),
        )
        assert found.digest == artifact.wasm.digest == f"sha256:{sha256(wasm)}"


def test_a_proof_of_a_log_is_kept_as_text() -> None:
    release = make_release()
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    log = NoteKey("log.example", from_bytes(key.public_key().public_bytes_raw()))
    proof = LogProof(3, (bytes(32), b"h" * 32), sign_checkpoint(log, key.sign, 5, b"r" * 32))
    files = {name: data for name, data in release.contents.items() if name != STATEMENT}
    artifact = encode(files, release.candidate.manifest, SURFACE, log_proof=proof)
    assert json.loads(artifact.config)[KEY][LOG_PROOF] == proof.text
    found = decode(parse_manifest(artifact.manifest, where="here"), artifact.config, where="here")
    assert found.plugin is not None
    assert found.plugin.log_proof == proof
    assert artifact.digest == encode(files, release.candidate.manifest, SURFACE, log_proof=proof).digest
    assert artifact.digest != encode(files, release.candidate.manifest, SURFACE).digest


def test_equal_releases_have_equal_digests_and_the_layout_that_wkg_reads() -> None:
    artifact = encoded()
    assert artifact == encoded()
    table, config = json.loads(artifact.manifest), json.loads(artifact.config)
    assert table["mediaType"] == MANIFEST_TYPE
    assert [layer["mediaType"] for layer in table["layers"]] == [WASM_TYPE]
    assert table["config"]["mediaType"] == CONFIG_TYPE
    assert config["created"] == "1970-01-01T00:00:00Z"
    assert (config["architecture"], config["os"]) == ("wasm", "wasip2")
    assert config["layerDigests"] == [artifact.wasm.digest]
    assert config["component"] == {"exports": [*SURFACE.exports], "imports": [*SURFACE.imports]}
    assert set(config[KEY]["files"]) == {MANIFEST, STATEMENT}


def test_files_that_a_manifest_cannot_hold() -> None:
    with pytest.raises(TooLarge, match="too many for a registry"):
        encoded(README=b"x" * (2 << 20))


def test_a_component_that_wkg_pushed_has_no_plugin() -> None:
    wasm = b"\0asm"
    config = b'{"created":"2024-09-25T12:00:00Z","author":null,"architecture":"wasm","os":"wasip2","layerDigests":[]}'
    for title, name in (("greet.wasm", "greet.wasm"), ("../greet.wasm", "plugin.wasm"), ("", "plugin.wasm")):
        table = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": described(Descriptor.of(CONFIG_TYPE, config)),
            "layers": [
                described(Descriptor.of(WASM_TYPE, wasm))
                | {"annotations": {"org.opencontainers.image.title": title} if title else {}}
            ],
        }
        manifest = parse_manifest(json.dumps(table).encode(), where="here")
        assert manifest.inline is None
        found = decode(manifest, config, where="here")
        assert found.plugin is None
        assert (found.module.name, found.module.size) == (name, 4)


def described(item: Descriptor) -> dict[str, Any]:
    return {"mediaType": item.media_type, "digest": item.digest, "size": item.size}


def _layer(table: dict[str, Any]) -> None:
    table["layers"].append(table["layers"][0])


def _no_layer(table: dict[str, Any]) -> None:
    table["layers"] = []


def _kind(table: dict[str, Any]) -> None:
    table["layers"][0]["mediaType"] = "application/octet-stream"


def _index(table: dict[str, Any]) -> None:
    table["mediaType"] = "application/vnd.oci.image.index.v1+json"


def _docker(table: dict[str, Any]) -> None:
    table["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"


def _no_type(table: dict[str, Any]) -> None:
    del table["mediaType"]


def _image(table: dict[str, Any]) -> None:
    table["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"


def _sha512(table: dict[str, Any]) -> None:
    table["layers"][0]["digest"] = "sha512:" + "a" * 128


def _negative(table: dict[str, Any]) -> None:
    table["layers"][0]["size"] = -1


def _huge(table: dict[str, Any]) -> None:
    table["layers"][0]["size"] = 1 << 40


def _fraction(table: dict[str, Any]) -> None:
    table["layers"][0]["size"] = 1.5


def _data(table: dict[str, Any]) -> None:
    table["config"]["data"] = "e30"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_layer, "expected exactly one layer, found 2"),
        (_no_layer, "expected exactly one layer, found 0"),
        (_kind, "expected the media type application/wasm, found 'application/octet-stream'"),
        (_index, "expected one artifact, found an index of several"),
        (
            _docker,
            "expected an OCI image manifest, found 'application/vnd.docker.distribution.manifest.v2+json'",
        ),
        (_no_type, "expected an OCI image manifest, found ''"),
        (
            _image,
            f"expected the media type {CONFIG_TYPE}, found 'application/vnd.oci.image.config.v1+json'",
        ),
        (_sha512, f"expected sha256: and 64 hexadecimal digits, found '{'sha512:' + 'a' * 69}..."),
        (_negative, "expected at most 67,108,864 bytes, found -1"),
        (_huge, "expected at most 67,108,864 bytes, found 1,099,511,627,776"),
        (_fraction, "expected an integer, found a number"),
        (_data, "expected padded base64 in 'config.data'"),
    ],
)
def test_other_manifests_are_refused(edit: Callable[[dict[str, Any]], None], message: str) -> None:
    table = json.loads(encoded().manifest)
    edit(table)
    with pytest.raises(Refused) as caught:
        parse_manifest(json.dumps(table).encode(), where="here")
    assert caught.value.message == message
    assert caught.value.where.startswith("here")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"{" * 100_000, b'{"a":1,"a":2}', b"\xff", b" " * (5 << 20)]
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse_manifest(data, where="here")


def test_other_data_than_the_config_is_a_wrong_digest() -> None:
    table = json.loads(encoded().manifest)
    size = table["config"]["size"]
    table["config"]["data"] = base64.b64encode(b"x" * size).decode()
    with pytest.raises(DigestMismatch):
        parse_manifest(json.dumps(table).encode(), where="here")


def _files(config: dict[str, Any], **files: str) -> None:
    config[KEY]["files"].update(files)


def _without_manifest(config: dict[str, Any]) -> None:
    del config[KEY]["files"][MANIFEST]


def _many(config: dict[str, Any]) -> None:
    _files(config, **{f"README{number}": "" for number in range(20)})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda config: _files(config, **{"../x": ""}), "expected a plain relative file name, found '../x'"),
        (
            lambda config: _files(config, **{"data/x": ""}),
            "expected a plain relative file name, found 'data/x'",
        ),
        (
            lambda config: _files(config, **{"PLUGIN.wasm": ""}),
            "the files 'PLUGIN.wasm' and 'plugin.wasm' have the same name",
        ),
        (lambda config: config[KEY].update(wasm="/x"), "expected a plain relative file name, found '/x'"),
        (
            lambda config: config[KEY].update(wasm=MANIFEST),
            "the files 'plugin.toml' and 'plugin.toml' have the same name",
        ),
        (lambda config: _files(config, README="!"), "expected padded base64 in 'README'"),
        (lambda config: _files(config, README="eB=="), "expected padded base64 in 'README'"),
        (
            lambda config: config.update(layerDigests=["sha256:" + "0" * 64]),
            "the layer is not the module that the config is for",
        ),
        (lambda config: config.pop("layerDigests"), "the layer is not the module that the config is for"),
        (_without_manifest, "the config holds no plugin.toml"),
        (_many, "expected at most 17 files, found 22"),
        (
            lambda config: config[KEY].update({SIGSTORE: base64.b64encode(b"x" * 300_000).decode()}),
            "'sigstore' has 300,000 bytes, the limit is 262,144",
        ),
        (lambda config: config.update({KEY: []}), "expected a table or nothing, found a list"),
    ],
)
def test_other_configs_are_refused(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    artifact = encoded()
    config = json.loads(artifact.config)
    edit(config)
    data = json.dumps(config).encode()
    manifest = parse_manifest(artifact.manifest, where="here")
    with pytest.raises(DigestMismatch):  # the manifest names another config
        decode(manifest, data, where="here")
    table = json.loads(artifact.manifest)
    table["config"] = described(Descriptor.of(CONFIG_TYPE, data))
    manifest = parse_manifest(json.dumps(table).encode(), where="here")
    with pytest.raises(Refused) as caught:
        decode(manifest, data, where="here")
    assert caught.value.message == message
