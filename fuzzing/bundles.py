"""Bundles and files of logins that come from other machines and programs, and license expressions."""

import json

from fuzzing.kept import STATE
from fuzzing.target import Target
from tarkpm.core.bundle.archive import BLOCK, END, Member, blob_name, header, read_header
from tarkpm.core.bundle.layout import (
    LAYOUT,
    parse_compiled,
    parse_index,
    parse_slice,
    render_compiled,
    render_index,
)
from tarkpm.core.compiled import MAX_CODE, claimed
from tarkpm.core.digest import sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.licenses import is_allowed
from tarkpm.core.spdx import _license
from tarkpm.core.statement import Envelope
from tarkpm.sources.bundle.reader import Bundle
from tarkpm.sources.oci import credentials

WHERE = "a bundle"
_LIMIT = 1 << 20


def archive(data: bytes) -> None:
    """Open the bundle that is made of records (kind, length, contents), and read all that it lists.

    Mutations of a tar only break its checksums; these reach what is in it.
    """
    root = STATE.put(b"".join(_members(data)), "bundle.tar")
    with Bundle(root / "bundle.tar") as bundle:
        for one in bundle.plugins.values():
            assert sha256(bundle.blob(one, _LIMIT)) == one.sha256
        for index in bundle.slices:
            for one in (bundle.slice(index) or {}).values():
                assert len(bundle.content(one.sha256, one.size, _LIMIT)) == one.size


def _members(data: bytes) -> list[bytes]:
    names, at, blocks = ("oci-layout", "index.json"), 0, list[bytes]()
    while at + 3 <= len(data):
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
        contents = data[at + 3 : at + 3 + length]
        at += 3 + length
        if kind == ord("#"):  # whatever stands in a header
            blocks.append(contents.ljust(BLOCK, b"\0")[:BLOCK])
            continue
        name = names[kind % 4] if kind % 4 < len(names) else blob_name(sha256(contents))
        member = Member(name, len(contents))
        blocks += [header(member), contents, bytes(member.padding)]
    return [*blocks, END]


def tar_header(data: bytes) -> None:
    """Read the header of a file: its size is within limits."""
    found = read_header(data.ljust(BLOCK, b"\0")[:BLOCK])
    assert found is None or 0 <= found.size <= 1 << 30


def index(data: bytes) -> None:
    """Read the index of a bundle."""
    found = parse_index(data, where=WHERE)
    assert parse_index(render_index([*found.values()]), where=WHERE) == found


def layers(data: bytes) -> None:
    """Read the slice of an index: no path leads out of it."""
    for path in parse_slice(data, where=WHERE):
        assert not {"", ".", ".."} & {*path.split("/")}


def compiled_layers(data: bytes) -> None:
    """Read the manifest of compiled code: sizes are within limits, and what is written of it is read."""
    _, pieces = parse_compiled(data, MAX_CODE, where=WHERE)
    sizes = {digest: piece.size for digest, piece in pieces.items()}
    assert all(0 <= size <= MAX_CODE for size in sizes.values())
    again = parse_compiled(render_compiled(b"x", sizes), MAX_CODE, where=WHERE)[1]
    assert {digest: piece.size for digest, piece in again.items()} == sizes


def compiled_payload(data: bytes) -> None:
    """Read what a statement of compiled code says: parts are there, and each piece of code has one size."""
    found = claimed(Envelope(data, bytes(64), PublicKey("")), where=WHERE)
    names = {(one.module, one.kind) for one in found.modules}
    for one in found.modules:
        assert 0 < one.size == found.sizes[one.code]
        assert {(part, "part") for part in one.parts} <= names


def logins(data: bytes) -> None:
    """Look up a login in docker's file, which names no helper program here."""
    # A helper would be started, and what is fuzzed is the file.
    if b"cred" in data.lower() or b"\\u" in data.lower():
        return
    root = STATE.put(data, "docker", "config.json")
    found = credentials.find({"DOCKER_CONFIG": str(root / "docker")}, "h.example", "a/b")
    assert found.credential is None or bool(found.credential.login) ^ bool(found.credential.identity_token)


def expression(data: bytes) -> None:
    """Judge a license expression."""
    text = data.decode("utf-8", "replace")
    json.dumps(_license(text))
    is_allowed(text, {"MIT"})


_DESCRIPTOR = ("mediaType", "digest", "sha256:", "size", "annotations", "artifactType", "manifests", "layers")
TARGETS = (
    Target("bundle", archive, words=(*_DESCRIPTOR, LAYOUT.decode()), longest=4096),
    Target("bundle-header", tar_header, (ValueError,), ("ustar", "0000644", "index.json", "blobs/sha256/")),
    Target("bundle-index", index, words=_DESCRIPTOR),
    Target("bundle-slice", layers, words=_DESCRIPTOR),
    Target("bundle-compiled", compiled_layers, words=(*_DESCRIPTOR, ".cwasm", "compiled.dsse.json")),
    Target(
        "compiled-payload",
        compiled_payload,
        words=(
            "_type",
            "subject",
            "predicateType",
            "predicate",
            "modules",
            "module",
            "kind",
            "part",
            "parts",
        ),
    ),
    Target(
        "registry-logins",
        logins,
        words=("auths", "auth", "identitytoken", "username", "password", "h.example"),
    ),
    Target("license", expression, (ValueError,), ("MIT", " OR ", " AND ", " WITH ", "(", ")", "LicenseRef-")),
)
