"""Short texts with a grammar: versions, ranges, tags, addresses, capabilities."""

from fuzzing.target import Target
from tarkpm.core import local_access, release_age, tags, urls
from tarkpm.core.capability import Capability
from tarkpm.core.key import public_key, to_bytes
from tarkpm.core.release import Dependency, plugin_name
from tarkpm.core.secret import Secret, SecretError
from tarkpm.core.version import Range, Version
from tarkpm.io import proxies
from tarkpm.sources.git import url as git_urls

_SCHEMES = (
    "https://",
    "http://",
    "ssh://",
    "git://",
    "file:///",
    "git@h:",
    "@",
    "%2e",
    "[::1]",
    ":443",
    "..",
)


def _text(data: bytes) -> str:
    """As the command line gets it: bytes that are not UTF-8 are surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _lines(data: bytes, count: int) -> list[str]:
    parts = _text(data).split("\n", count - 1)
    return parts + [""] * (count - len(parts))


def version(data: bytes) -> None:
    """Read a version: its text reads back, and it is in order with itself."""
    found = Version.parse(_text(data))
    assert Version.parse(str(found)) == found
    assert not found < found


def range_(data: bytes) -> None:
    """Read a range and a version: two ways to ask whether it is in the range agree."""
    wanted, given = _lines(data, 2)
    for found in (Range.parse(wanted), Range.parse_typed(wanted)):
        assert Range.parse(str(found)) == found
    found = Range.parse(wanted)
    try:
        one = Version.parse(given)
    except ValueError:
        one = Version(1, 2, 3)
    start, stop = found.span([one.key])
    assert found.matches(one) <= (start < stop)


def tag(data: bytes) -> None:
    """Read a tag, and a range on tags."""
    wanted, given = _lines(data, 2)
    one = tags.version_tag(given)
    found = tags.tag_range(wanted)
    if found and found.admits(one):
        assert found.newest([given]) == one
    tags.version_tags([given, wanted], like=given)
    tags.newer_tag([wanted], given)


def git_url(data: bytes) -> None:
    """Read the URL of a repository: what is written into a document reads as the same place."""
    text = _text(data)
    found = git_urls.parse(text, allow_http=True)
    assert git_urls.parse(found.public, allow_http=True) == found
    assert "@" not in found.public or found.scheme == "ssh" or "@" in found.path


def git_url_typed(data: bytes) -> None:
    """Read a URL with a login: the address that is kept holds none."""
    address, _ = git_urls.expand(_text(data))
    url, login = git_urls.parse_typed(address)
    assert git_urls.parse(url.public) == url
    assert login is None or url.scheme != "ssh"


def git_redirect(data: bytes) -> None:
    """Follow a redirect: never to another scheme than http and https, nor from https to http."""
    current, location = _lines(data, 2)
    start = git_urls.parse(current or "https://example.com/a/b")
    target = git_urls.redirected(start, location, "/info/refs?service=git-upload-pack")
    assert target.scheme == "https" or (target.scheme, start.scheme) == ("http", "http")


def request_url(data: bytes) -> None:
    """Read the URL of a plugin's request, and a redirect from there."""
    text, location = _lines(data, 2)
    found = urls.parse(text)
    assert urls.parse(found.url) == found
    next_ = urls.redirected(found, location)
    assert found.scheme == "http" or next_.scheme == "https"


def capability(data: bytes) -> None:
    """Read two capabilities: each covers itself, and both cover what they share."""
    one, other = map(Capability.parse, _lines(data, 2))
    assert one.covers(one)
    assert Capability.parse(str(one)) == one
    met = one.meet(other)
    assert met is None or (one.covers(met) and other.covers(met))


def secret(data: bytes) -> None:
    """Read a secret and its place."""
    found = Secret.parse(_text(data))
    assert Secret.parse(str(found)) == found


def dependency(data: bytes) -> None:
    """Read a line of ``requires``."""
    found = Dependency.parse(_text(data))
    assert Dependency.parse(str(found)) == found


def name(data: bytes) -> None:
    """Read the name of a plugin."""
    assert plugin_name(plugin_name(_text(data))) == plugin_name(_text(data))


def age(data: bytes) -> None:
    """Read a minimum age, and a moment."""
    given, moment = _lines(data, 2)
    release_age.parse_age(given)
    release_age.parse_moment(moment)


def key(data: bytes) -> None:
    """Read a public key."""
    found = public_key(_text(data))
    assert len(to_bytes(found)) == 32


def proxy(data: bytes) -> None:
    """Read the variables that name proxies, and a host to reach."""
    proxy_text, bypass, host = _lines(data, 3)
    environment = {"https_proxy": proxy_text, "no_proxy": bypass}
    proxies.malformed_bypass(environment)
    found = proxies.Proxies.read(environment).find("https", host or "example.com", 443)
    if found:
        proxies.split_proxy(found)


def loopback_address(data: bytes) -> None:
    """Read the address of a server of this machine."""
    local_access.read_address(_text(data))


TARGETS = (
    Target("version", version, (ValueError,), ("-rc.1", "+build", "0", ".")),
    Target("range", range_, (ValueError,), ("^", "~", ">=", "<", "*", ", ", "1.2.3", "-rc.1")),
    Target("tag", tag, (ValueError,), ("v1.2.0", "^1", "text-tools-", "-rc.1")),
    Target("git-url", git_url, words=_SCHEMES),
    Target("git-url-typed", git_url_typed, words=(*_SCHEMES, "github:", "user:password@")),
    Target("git-redirect", git_redirect, words=(*_SCHEMES, "/info/refs?service=git-upload-pack")),
    Target("request-url", request_url, (ValueError,), (*_SCHEMES, "xn--", "?", "#", "\\")),
    Target(
        "capability",
        capability,
        (ValueError, SecretError),
        ("http:", "fs-read:", "env:", "secret:", "ws:", "*.", "~/"),
    ),
    Target(
        "secret", secret, (ValueError, SecretError), (" to ", " as ", "authorization", ": Bearer {}", "=")
    ),
    Target("dependency", dependency, (ValueError,), ("text-tools ", "^1.2")),
    Target("plugin-name", name, (ValueError,)),
    Target("release-age", age, (ValueError,), ("7 days", "P1D", "T00:00:00Z", "2026-01-31")),
    Target("public-key", key, (ValueError,), ("ed25519:",)),
    Target("proxy", proxy, words=("http://", "user:p@", ":3128", "::1", "/8", ".example.com", "*")),
    Target("loopback-address", loopback_address, (ValueError,), ("127.0.0.1:", "[::1]:", "localhost:")),
)
