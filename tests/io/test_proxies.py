"""NO_PROXY: names, addresses in any spelling, networks, ports."""

import pytest

from tarkpm.io.proxies import Proxies

PROXY = "http://proxy:3128"


def is_direct(no_proxy: str, host: str, port: int = 443) -> bool:
    return not Proxies.read({"https_proxy": PROXY, "NO_PROXY": no_proxy}).find("https", host, port)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("2001:db8:0::5", "2001:db8::5"),
        ("2001:DB8::5", "2001:db8:0:0:0:0:0:5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("[2001:db8:0::5]:443", "2001:db8::5"),
        ("2001:db8::/32", "2001:db8::5"),
        ("[2001:db8::]/32", "2001:db8::5"),
        ("2001:db8::5/128", "2001:db8:0::5"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "::ffff:a00:1"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3/8", "10.9.9.9"),
        ("git.example.", "git.example"),
        ("git.example", "git.example."),
        (".example.", "git.example"),
        ("*.example", "a.git.example"),
        ("EXAMPLE", "git.Example"),
        ("git.example:443", "git.example"),
        ("git.example.:443", "git.example"),
        ("*", "anything"),
        ("*:443", "anything"),
        ("a, b ,git.example", "git.example"),
    ],
)
def test_goes_directly(entry: str, host: str) -> None:
    assert is_direct(entry, host)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("2001:db8::6", "2001:db8::5"),
        ("[2001:db8::5]:444", "2001:db8::5"),
        ("2001:db8::/32", "10.0.0.1"),
        ("10.0.0.0/8", "2001:db8::a"),
        ("10.0.0.0/8", "10.0.0.0.example"),
        ("10.0.0.0/99", "10.0.0.1"),
        ("0.0.1", "10.0.0.1"),  # not a domain with a subdomain
        ("5", "2001:db8::5"),
        ("git.example", "notgit.example"),
        ("git.example:444", "git.example"),
        ("git.example:+443", "git.example"),
        ("", "git.example"),
        (".", "git.example"),
        ("*.", "git.example"),
    ],
)
def test_goes_through_the_proxy(entry: str, host: str) -> None:
    assert not is_direct(entry, host)
