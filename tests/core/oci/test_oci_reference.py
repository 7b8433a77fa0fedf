"""References to artifacts of registries."""

import pytest

from tarkpm.core.oci.reference import OciReference, parse, tag_name
from tarkpm.errors import Refused

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci://ghcr.io/owner/text-tools", OciReference("ghcr.io", "owner/text-tools")),
        ("oci://ghcr.io/owner/text-tools:1.0.0", OciReference("ghcr.io", "owner/text-tools", "1.0.0")),
        ("oci://ghcr.io/o/t@" + DIGEST, OciReference("ghcr.io", "o/t", digest=DIGEST)),
        ("oci://localhost:5000/t:^1.2", OciReference("localhost:5000", "t", "^1.2")),
        ("oci://127.0.0.1:5000/a/b-c/d.e__f:v1", OciReference("127.0.0.1:5000", "a/b-c/d.e__f", "v1")),
        ("oci://[::1]:5000/t:>=1.0,<2", OciReference("[::1]:5000", "t", ">=1.0,<2")),
        ("oci://h.example/t:text-tools-^1.2", OciReference("h.example", "t", "text-tools-^1.2")),
        ("OCI://GHCR.io:443/o/t", OciReference("ghcr.io", "o/t")),
    ],
)
def test_read(text: str, expected: OciReference) -> None:
    found = parse(text)
    assert found == expected
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://ghcr.io/o/t", "expected oci://HOST/REPOSITORY, optionally with :TAG or @sha256:DIGEST"),
        ("oci:///o/t", "expected the host of a registry behind oci://"),
        ("oci://ghcr.io", "expected the name of a repository such as owner/text-tools, found ''"),
        ("oci://ghcr.io/", "expected the name of a repository such as owner/text-tools, found ''"),
        ("oci://ghcr.io/Owner/t", "expected the name of a repository in lower case, found 'Owner/t'"),
        (
            "oci://ghcr.io/a/../b",
            "expected the name of a repository such as owner/text-tools, found 'a/../b'",
        ),
        ("oci://ghcr.io/a//b", "expected the name of a repository such as owner/text-tools, found 'a//b'"),
        ("oci://ghcr.io/a%2fb", "expected the name of a repository such as owner/text-tools, found 'a%2fb'"),
        ("oci://ghcr.io/a?b", "expected the name of a repository such as owner/text-tools, found 'a?b'"),
        ("oci://ghcr.io?x/o/t", "expected the host of a registry behind oci://"),
        ("oci://me:secret@ghcr.io/o/t", "a reference with a user name or password is not accepted"),
        ("oci://me:1/secret@ghcr.io/o/t", "expected sha256: and 64 hexadecimal digits behind the '@'"),
        ("oci://ghcr.io/o/t@sha256:abc", "expected sha256: and 64 hexadecimal digits behind the '@'"),
        (
            "oci://ghcr.io/o/t@sha512:" + "a" * 128,
            "expected sha256: and 64 hexadecimal digits behind the '@'",
        ),
        ("oci://ghcr.io/o/t:1@" + DIGEST, "expected a tag or a digest, found both"),
        ("oci://ghcr.io/o/t:", "expected a tag of letters, digits, '.', '_' and '-', found ''"),
        ("oci://ghcr.io/o/t:a/b", "expected a tag of letters, digits, '.', '_' and '-', found 'a/b'"),
        ("oci://ghcr.io/o/t:.1", "expected a tag of letters, digits, '.', '_' and '-', found '.1'"),
        ("oci://ghcr.io/o/t: ^1", "a tag or range with a space or an invisible character is not accepted"),
        ("oci://ghcr.io/o/t:" + "1" * 129, "a tag has at most 128 characters, found 129"),
        ("oci://ghcr.io/" + "o" * 256, "a repository name has at most 255 characters, found 256"),
        ("oci://" + "h" * 9000, "the reference is longer than 8,192 characters"),
        ("oci://h_ö.example/t", "expected a host in ASCII (xn--… for others), optionally with a port"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.message == message
    assert "secret" not in f"{caught.value.where} {caught.value.message} {caught.value.hint}"


def test_build_metadata_cannot_be_a_tag() -> None:
    message = "a registry has no tags with '+', leave out the build metadata of '1.0.0+linux'"
    with pytest.raises(ValueError) as caught:  # its message is what is tested
        tag_name("1.0.0+linux")
    assert str(caught.value) == message


def test_a_repository_is_a_location_whatever_the_tag() -> None:
    assert parse("oci://ghcr.io/o/t:1.0.0").location == "oci://ghcr.io/o/t"
    found = parse("oci://ghcr.io/o/t:^1.2").tag_range
    assert found is not None
    assert str(found.range) == "^1.2"
