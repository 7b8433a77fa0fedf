"""A bundle whose tar is hostile: it is refused when it is opened, and nothing of it is ever unpacked."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bundling import Carrying, Forged, carrying, sync, write_tar

from tarkpm.core.bundle.archive import BLOCK, Member, header
from tarkpm.errors import Garbled, NotFound, Refused, StoreError, TarkError, TooLarge
from tarkpm.sources.bundle import Bundle

LAYOUT = ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
INDEX = (
    "index.json",
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
)
GOOD = [LAYOUT, INDEX]
BLOB = "blobs/sha256/" + "0" * 64


def meets(path: Path, kind: type[TarkError], *texts: str) -> None:
    """Opening the file raises this very kind of error, which says each of ``texts``."""
    with pytest.raises(TarkError) as caught:
        Bundle(path)
    assert type(caught.value) is kind, repr(caught.value)
    for text in texts:
        assert text in caught.value.message, caught.value.message


def test_an_empty_bundle_can_be_opened(tmp_path: Path) -> None:
    with Bundle(write_tar(tmp_path / "x.tar", GOOD)) as bundle:
        assert bundle.plugins == {}
        assert bundle.slices == {}


@pytest.mark.parametrize(
    "name",
    [
        "../oci-layout",
        "/etc/passwd",
        "./oci-layout",
        "blobs/sha256/../../x",
        "blobs/sha256/" + "A" * 64,
        "x\n",
        "",
    ],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    meets(
        write_tar(tmp_path / "x.tar", [*GOOD, (name, b"x")]), Refused, "expected a bundle as tarkpm writes it"
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "index.json"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.CHRTYPE, "devmajor": 1},
        {"type": tarfile.GNUTYPE_SPARSE},
        {"type": tarfile.CONTTYPE},
        {"mode": 0o4755},
        {"uid": 1},
        {"uname": "root"},
        {"mtime": 1},
        {"linkname": "x"},
    ],
    ids=str,
)
def test_anything_but_a_plain_file(tmp_path: Path, facts: dict[str, Any]) -> None:
    path = write_tar(tmp_path / "x.tar", [*GOOD, (BLOB, b"")], **facts)
    meets(path, Refused, "expected a bundle as tarkpm writes it")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extended_headers(tmp_path: Path, form: int) -> None:
    """They hold names, sizes and sparse maps that other programs read differently."""
    meets(write_tar(tmp_path / "x.tar", [*GOOD, ("x" * 200, b"x")], form), Refused)


def test_a_pax_header_as_a_bomb(tmp_path: Path) -> None:
    info = tarfile.TarInfo("PaxHeaders/x")
    info.type, info.size = tarfile.XHDTYPE, 8 << 30
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(BLOCK))
    meets(path, Refused)


@pytest.mark.parametrize(
    "digits", [b"\x80" + bytes(10) + b"\x01", b"-0000000001\0", b"         1 \0", b"0o000000001\0"]
)
def test_sizes_in_other_forms(tmp_path: Path, digits: bytes) -> None:
    block = bytearray(header(Member(BLOB, 1)))
    block[124:136] = digits
    block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:]))
    path = write_tar(tmp_path / "x.tar", GOOD)
    path.write_bytes(bytes(block) + bytes(BLOCK) + path.read_bytes())
    meets(path, Refused, "the size")


def test_a_wrong_checksum(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", GOOD)
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.write_bytes(data)
    meets(path, Refused)


def test_a_name_that_occurs_twice(tmp_path: Path) -> None:
    meets(write_tar(tmp_path / "x.tar", [*GOOD, INDEX]), Refused, "occurs twice")


@pytest.mark.parametrize("size", [1 << 20, (1 << 30) + 1])
def test_a_size_that_is_not_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(header(Member(BLOB, size)) + bytes(2 * BLOCK))
    meets(path, Garbled if size < 1 << 30 else Refused)


def test_a_truncated_bundle(tmp_path: Path, made: Carrying) -> None:
    whole = made.bundle.read_bytes()
    path = tmp_path / "x.tar"
    for length in (0, 100, BLOCK, BLOCK + 10, len(whole) // 2, len(whole.rstrip(b"\0")) - 1):
        path.write_bytes(whole[:length])
        meets(path, Garbled, "truncated")


def test_a_compressed_bundle(tmp_path: Path) -> None:
    """A small file could unpack to anything."""
    path = write_tar(tmp_path / "x.tar", GOOD)
    path.write_bytes(gzip.compress(path.read_bytes()))
    meets(path, Refused, "found a compressed file")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tarkpm.sources.bundle.reader.MAX_MEMBERS", 2)
    meets(write_tar(tmp_path / "x.tar", [*GOOD, (BLOB, b"")]), Refused, "at most 2 files")


@pytest.mark.parametrize(
    ("index", "kind"),
    [
        (b"[" * 100_000, Refused),
        (b'{"schemaVersion":2,"schemaVersion":2}', Refused),
        (b" " * ((16 << 20) + 1), TooLarge),
        (b"\xff", Refused),
    ],
    ids=["nested", "doubled", "large", "bytes"],
)
def test_a_hostile_index(tmp_path: Path, index: bytes, kind: type[TarkError]) -> None:
    meets(write_tar(tmp_path / "x.tar", [LAYOUT, ("index.json", index)]), kind)


def manifests(**changes: object) -> bytes:
    one = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:" + "0" * 64,
        "size": 0,
        "annotations": {"org.opencontainers.image.ref.name": "x"},
    }
    index = json.loads(INDEX[1])
    index["manifests"] = [one | changes]
    return json.dumps(index).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"mediaType": "application/vnd.oci.image.index.v1+json"},
        {"digest": "sha256:../../../etc/passwd"},
        {"digest": "sha512:" + "0" * 64},
        {"size": 1 << 60},
        {"size": -1},
        {"annotations": {}},
        {"artifactType": "application/vnd.tark.index.slice.v1"},
    ],
    ids=str,
)
def test_a_hostile_descriptor(tmp_path: Path, changes: dict[str, object]) -> None:
    meets(write_tar(tmp_path / "x.tar", [LAYOUT, ("index.json", manifests(**changes))]), Refused)


@pytest.mark.parametrize("missing", [LAYOUT, INDEX])
def test_a_tar_that_is_no_bundle(tmp_path: Path, missing: tuple[str, bytes]) -> None:
    meets(write_tar(tmp_path / "x.tar", [one for one in GOOD if one != missing]), Refused, missing[0])


def test_what_is_no_file(tmp_path: Path) -> None:
    meets(tmp_path / "none.tar", NotFound, "no such bundle")
    meets(tmp_path, StoreError)
    (tmp_path / "file").write_text("")
    meets(tmp_path / "file" / "x.tar", NotFound, "no such bundle")
    meets(tmp_path / ("x" * 300), StoreError, "file name too long")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrying]:
    with carrying(tmp_path_factory.mktemp("bundle")) as found:
        yield found


def test_a_sync_changes_nothing_then(made: Carrying, tmp_path: Path) -> None:
    """At the command line, and with files in it that would be unpacked over others."""
    far = made.machine(tmp_path / "far")
    files = list(Forged(made.bundle).files.items())
    write_tar(far.cwd / "plugins.tar", [*files, ("../tark.toml", b"")])
    before = (far.cwd / "tark.toml").read_bytes()
    sync(far).failed(2, "expected a bundle as tarkpm writes it")
    assert (far.cwd / "tark.toml").read_bytes() == before
    assert not far.plugins.exists()
