"""Mirrors in the user's configuration: what replaces what."""

import pytest

from tarkpm.core.mirrors import Mirrors
from tarkpm.core.user_config import UserConfig
from tarkpm.errors import DocumentError


def mirrors(text: str) -> Mirrors:
    return UserConfig.parse(f"[mirror]\n{text}".encode(), where="config.toml").mirrors


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("oci://ghcr.io/owner/tools", "oci://r.example.com/ghcr/owner/tools"),
        ("oci://ghcr.io/special/tools", "/srv/special/tools"),
        ("oci://ghcr.io/special", "/srv/special"),
        ("oci://ghcr.io/special2/tools", "oci://r.example.com/ghcr/special2/tools"),
        ("oci://ghcr.io.evil.org/owner/tools", "oci://ghcr.io.evil.org/owner/tools"),
        ("oci://ghcr.io:5000/owner/tools", "oci://ghcr.io:5000/owner/tools"),
        ("https://git.example.com/owner/tools.git", "https://mirror.example.com/git/owner/tools.git"),
        ("https://git.example.com", "https://mirror.example.com/git"),
        ("https://git.example.com:8443/x", "https://git.example.com:8443/x"),
        ("ssh://git@git.example.com/x", "ssh://git@git.example.com/x"),
    ],
)
def test_the_longest_prefix_of_whole_parts_is_replaced(place: str, expected: str) -> None:
    found = mirrors(
        '"oci://GHCR.io:443" = "oci://r.example.com/ghcr"\n'
        '"oci://ghcr.io/special" = "/srv/special/"\n'
        '"https://git.example.com/" = "https://mirror.example.com/git"\n'
    )
    assert found.of(place) == expected


def test_without_mirrors() -> None:
    assert UserConfig.parse(b"", where="config.toml").mirrors.of("oci://ghcr.io/x") == "oci://ghcr.io/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"ghcr.io" = "oci://r.example.com"', "oci://"),
        ('"file:///srv" = "/other"', "oci://"),
        ('"oci://ghcr.io" = "https://r.example.com"', "same kind"),
        ('"https://h.example" = "oci://r.example.com"', "same kind"),
        ('"oci://ghcr.io" = "srv"', "same kind"),
        ('"https://h.example" = "http://r.example.com"', "https"),
        ('"oci://me:secret@ghcr.io" = "/srv"', "password"),
        ('"https://h.example" = "https://me:secret@r.example.com"', "password"),
        ('"oci://ghcr.io" = ""', "same kind"),
        ('"oci://ghcr.io/Owner" = "/srv"', "lower case"),
        ('"oci://ghcr.io" = "/a"\n"oci://GHCR.io" = "/b"', "two mirrors"),
        ('"oci://ghcr.io" = 1', "string"),
    ],
)
def test_what_is_no_mirror(text: str, expected: str) -> None:
    with pytest.raises(DocumentError, match=expected) as caught:
        mirrors(text)
    assert "secret" not in f"{caught.value.message} {caught.value.where}"


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(DocumentError, match="not a known key"):
        UserConfig.parse(b"[mirrors]\n", where="config.toml")
