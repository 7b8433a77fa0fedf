"""Authorities from a file, a folder, or both; a wrong one is an error and not an empty set."""

import ssl
import subprocess
from pathlib import Path

import pytest

from tarkpm.errors import Refused
from tarkpm.io.tls import trusted


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate in a folder, under the name that OpenSSL looks for."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", folder / "key", "-out", folder / "ca.pem", "-subj", "/CN=x", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    name = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", folder / "ca.pem"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (folder / f"{name}.0").write_bytes((folder / "ca.pem").read_bytes())
    return folder


def test_a_file_and_a_folder(authority: Path) -> None:
    of_file = trusted(str(authority / "ca.pem"))
    assert len(of_file.get_ca_certs()) == 1
    for context in (of_file, trusted("", str(authority)), trusted(str(authority / "ca.pem"), str(authority))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
    assert trusted("", f"/nowhere:{authority}") is not None


@pytest.mark.parametrize(
    ("file", "folder", "message"),
    [
        ("/nowhere.pem", "", "expected a file of certificates"),
        (__file__, "", "expected a file of certificates"),
        ("", "/nowhere", "expected a folder of certificates"),
        ("", __file__, "expected a folder of certificates"),
    ],
)
def test_a_wrong_one(file: str, folder: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as raised:
        trusted(file, folder)
    assert raised.value.where == (file or folder)
