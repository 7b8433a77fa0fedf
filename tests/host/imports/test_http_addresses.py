"""The kinds of addresses, against the registries and against every way to wrap one in another."""

import pytest

from tarkpm.host.imports.addresses import kind_of


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001:82a::200e",
        "3ffe::1",
    ],
)
def test_public(address: str) -> None:
    assert kind_of(address) == "public"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "reserved"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.255", "private"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "reserved"),  # a cloud's metadata service
        ("192.168.1.1", "private"),
        ("198.18.0.1", "reserved"),
        ("203.0.113.7", "reserved"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),  # a cloud's metadata service
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "reserved"),
        ("3fff::1", "reserved"),
        ("100::1", "reserved"),
        ("4000::1", "reserved"),
        ("5f00::1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
    ],
)
def test_not_public(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("169.254.169.254", "link-local"),
        ("8.8.8.8", "public"),
    ],
)
def test_an_address_inside_another(inner: str, kind: str) -> None:
    a, b, c, d = (int(part) for part in inner.split("."))
    hexed = f"{a:02x}{b:02x}:{c:02x}{d:02x}"
    flipped = f"{a ^ 255:02x}{b ^ 255:02x}:{c ^ 255:02x}{d ^ 255:02x}"
    wrapped = [f"::ffff:{inner}", f"64:ff9b::{inner}", f"2002:{hexed}::1", f"::{inner}"]
    wrapped += [f"2001:0:808:808::{flipped}", f"2001:0:{hexed}::f7f7:f7f7"]  # Teredo: its client, its server
    assert {address: kind_of(address) for address in wrapped} == dict.fromkeys(wrapped, kind)


def test_what_is_no_address() -> None:
    for text in ["localhost", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", ""]:
        with pytest.raises(ValueError):
            kind_of(text)
