"""The URLs a plugin may name, and that the HTTP client asks for what was checked."""

import h11
import httpcore2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.urls import RequestTarget, parse, redirected
from tarkpm.io.http_transport import core_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.test", "https://a.test/"),
        ("HTTPS://A.Test:443/x", "https://a.test/x"),
        ("https://a.test:8443?q=1", "https://a.test:8443/?q=1"),
        ("http://localhost:80/", "http://localhost/"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ("https://127.0.0.1/", "https://127.0.0.1/"),
        ("https://xn--mnchen-3ya.de/", "https://xn--mnchen-3ya.de/"),
        ("https://a.test/ü?q={é}", "https://a.test/%C3%BC?q=%7B%C3%A9%7D"),
        ("https://a.test/%2e%2e/%00", "https://a.test/%2e%2e/%00"),
        ("https://a.test/x@y:z?u=https://b.test/", "https://a.test/x@y:z?u=https://b.test/"),
    ],
)
def test_accepted(text: str, url: str) -> None:
    assert parse(text).url == url
    assert parse(url).url == url


SPACE = "a URL with a space, a backslash or an invisible character is not accepted"
SHAPE = "expected a URL like https://host/path"
ASCII = "expected a host in ASCII (xn--… for others), optionally with a port"
USUAL = "expected a host name or an address in canonical form, optionally with a port"
USER = "a URL with a user name or password is not accepted"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", SHAPE),
        ("a.test", SHAPE),
        ("//a.test/", SHAPE),
        ("https:a.test", SHAPE),
        ("https:/a.test", SHAPE),
        ("ftp://a.test/", SHAPE),
        ("file:///etc/passwd", SHAPE),
        ("javascript://a.test/%0aalert(1)", SHAPE),
        ("https:///a.test/", ASCII),
        ("https://", ASCII),
        ("https://user@a.test/", USER),
        ("https://user:pw@a.test/", USER),
        ("https://a.test:80@b.test/", USER),
        ("https://a.test@/", USER),
        ("https://a.test/#x", "a URL with a fragment ('#') is not accepted"),
        ("https://a.test#@b.test/", "a URL with a fragment ('#') is not accepted"),
        ("https://a.test\\@b.test/", SPACE),
        ("https://a.test/\\x", SPACE),
        ("https://a.test/ HTTP/1.1", SPACE),
        ("https://a.test/\r\nHost: b.test", SPACE),
        ("https://a.test/\x00", SPACE),
        ("https://a.te\tst/", SPACE),
        ("https://a.test/\u202e", SPACE),
        (" https://a.test/", SPACE),
        ("https://a.test/%", "expected two hexadecimal digits after each '%' of the URL"),
        ("https://a.test/%zz", "expected two hexadecimal digits after each '%' of the URL"),
        ("https://%61.test/", ASCII),
        ("https://a%2etest/", ASCII),
        ("https://a.test%00.b.test/", ASCII),
        ("https://a.test.:443/", ASCII),
        ("https://a。test/", ASCII),  # the ideographic full stop, a dot to IDNA
        ("https://ａ.test/", ASCII),
        ("https://münchen.de/", ASCII),
        ("https://ⓛocalhost/", ASCII),
        ("https://*.a.test/", ASCII),
        ("https://private:a.test/", ASCII),
        ("https://a..test/", USUAL),
        ("https://-a.test/", ASCII),
        ("https://a.test:0/", USUAL),
        ("https://a.test:65536/", USUAL),
        ("https://a.test:/", ASCII),
        ("https://a.test:443:443/", ASCII),
        ("https://127.1/", USUAL),
        ("https://0x7f.1/", USUAL),
        ("https://0x7f000001/", USUAL),
        ("https://2130706433/", USUAL),
        ("https://0177.0.0.1/", USUAL),
        ("https://127.0.0.01/", USUAL),
        ("https://127.0.0.0x1/", USUAL),
        ("https://a.0x7f/", USUAL),
        ("https://[0:0::1]/", USUAL),
        ("https://[::1%25lo]/", ASCII),
        ("https://[::1/", ASCII),
        ("https://[v1.x]/", ASCII),
        ("https://[]/", ASCII),
        ("https://a.test/" + "x" * 8192, "the URL is longer than 8,192 characters"),
        ("https://a.test/" + "ü" * 4096, "the URL is longer than 8,192 characters"),
    ],
)
def test_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/y", "https://a.test:8443/y"),
        ("y?z", "https://a.test:8443/x/y?z"),
        ("?z", "https://a.test:8443/x/1?z"),
        ("//b.test/y", "https://b.test/y"),
        ("https://b.test/y#part", "https://b.test/y"),
        ("../../../y", "https://a.test:8443/y"),
        ("/\u00fc", "https://a.test:8443/%C3%BC"),
    ],
)
def test_redirects(location: str, url: str) -> None:
    assert redirected(parse("https://a.test:8443/x/1"), location).url == url


@pytest.mark.parametrize(
    "location",
    [
        "http://a.test/",
        "http://localhost/",
        "https://u@b.test/",
        "ftp://b.test/",
        "\\\\b.test",
        "/\\b.test",
        "https:\t//b.test",
        "https:b.test",
        "data:,x",
        "https://0x7f.1/",
        "///b.test/",
    ],
)
def test_refused_redirects(location: str) -> None:
    with pytest.raises(ValueError):
        redirected(parse("https://a.test/"), location)


def test_between_plain_servers_of_this_machine() -> None:
    assert redirected(parse("http://localhost/"), "http://127.0.0.1:81/").url == "http://127.0.0.1:81/"


def is_sent_as_read(target: RequestTarget) -> None:
    """The client's own parts are those of the check, and what is sent on the wire has one reading."""
    sent = core_url(target)
    assert sent.origin == httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
    assert parse(target.url) == target
    request = h11.Request(method="GET", target=sent.target, headers=[("host", target.authority)])
    assert request.target.decode() == target.path
    assert parse(f"{target.scheme}://{target.authority}{target.path}") == target


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_the_client_reads_an_accepted_url_as_the_check_did(scheme: str, host: str, rest: str) -> None:
    for text in [f"https://{host}/{rest}", f"https://a.test{rest}", f"{scheme}://{host}{rest}", rest]:
        try:
            target = parse(text)
        except ValueError:
            continue
        is_sent_as_read(target)


ODD = st.text(st.sampled_from("aA1.-_:/@[]%\\?#x0f:7 \t*ü。"), max_size=25)


@given(ODD)
def test_the_same_with_what_is_odd_about_urls(rest: str) -> None:
    try:
        target = parse(f"https://{rest}")
    except ValueError:
        return
    is_sent_as_read(target)
