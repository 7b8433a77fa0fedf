"""What a release must be to be published."""

from pathlib import Path

import pytest
from support import wat
from support.releases import COMMUNITY, make_release

from tarkpm.errors import DigestMismatch, ManifestError, ModuleInvalid, NotFound, SignatureInvalid
from tarkpm.ops.release.checks import check_license, read_release
from tarkpm.ops.release.fetch import Release

SOURCE = COMMUNITY
MIT = 'license = "MIT"\n'


def put(folder: Path, release: Release) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in release.contents.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def tool() -> bytes:
    """A component that exports what a tool exports."""
    return wat.hostile_tool()


@pytest.mark.parametrize("dist", [True, False])
def test_a_signed_release_is_read_whole(tmp_path: Path, tool: bytes, dist: bool) -> None:
    release = make_release(more=MIT, wasm=tool)
    put(tmp_path / "dist" if dist else tmp_path, release)
    found = read_release(tmp_path, SOURCE)
    assert found.files | {"plugin.dsse.json": found.envelope} == release.contents
    assert found.candidate.signer == release.candidate.signer


def test_an_unsigned_release_is_refused(tmp_path: Path, tool: bytes) -> None:
    put(tmp_path, make_release(key=None, more=MIT, wasm=tool))
    with pytest.raises(SignatureInvalid, match=r"there is no plugin\.dsse\.json") as caught:
        read_release(tmp_path, SOURCE)
    assert caught.value.hint == f"tarkpm sign {tmp_path} --key NAME"


@pytest.mark.parametrize(
    ("license_", "found"), [("", "found none"), ('license = "what I like"\n', "'what I like'")]
)
def test_a_license_is_an_spdx_expression(tmp_path: Path, tool: bytes, license_: str, found: str) -> None:
    put(tmp_path, make_release(more=license_, wasm=tool))
    with pytest.raises(ManifestError, match="expected an SPDX expression like MIT") as caught:
        read_release(tmp_path, SOURCE)
    assert found in caught.value.message
    assert caught.value.where == f"{tmp_path}: plugin.toml: plugin.license"


@pytest.mark.parametrize("module", [wat.EMPTY, wat.wrong_world(), wat.hook()])
def test_a_module_that_is_no_tool_is_refused(tmp_path: Path, module: bytes) -> None:
    put(tmp_path, make_release(more=MIT, wasm=module))
    with pytest.raises(ModuleInvalid, match="^the module ") as caught:
        read_release(tmp_path, SOURCE)
    place = f"{tmp_path}/plugin.wasm"
    assert (caught.value.where, caught.value.hint) == (place, f"tarkpm inspect {place}")


def test_an_empty_folder_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_release(tmp_path, SOURCE)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", True),
        ("MIT", True),
        ("Apache-2.0 OR MIT", True),
        ("LicenseRef-Mine", True),
        ("MIT AND", False),
        ("Apache License 2.0", False),
        ("x" * 100, False),
    ],
)
def test_licenses(text: str, valid: bool) -> None:
    if valid:
        check_license(text, "here")
        return
    with pytest.raises(ManifestError) as caught:
        check_license(text, "here")
    assert len(caught.value.message) < 120
    assert caught.value.where == "here"


def test_an_edited_module_is_not_what_was_signed(tmp_path: Path, tool: bytes) -> None:
    put(tmp_path, make_release(more=MIT, wasm=tool))
    (tmp_path / "plugin.wasm").write_bytes(tool + bytes([0, 2, 1, 0x78]))
    with pytest.raises(DigestMismatch):
        read_release(tmp_path, SOURCE)
