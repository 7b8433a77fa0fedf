"""Which URLs are accepted, what they become, and what a person is told about the others."""

import pytest
from support.gitattack import told

from tarkpm.errors import Refused
from tarkpm.io.login import Login
from tarkpm.io.proxies import is_loopback
from tarkpm.sources.git.url import GitUrl, expand, parse, parse_typed, redirected, shown

TAIL = "/info/refs?service=git-upload-pack"

ACCEPTED = {
    "https://github.com/owner/repo": GitUrl("https", "github.com", "/owner/repo"),
    "https://GitHub.com/Owner/Repo.git/": GitUrl("https", "github.com", "/Owner/Repo.git"),
    "HTTPS://h.example:443/r": GitUrl("https", "h.example", "/r"),
    "https://h.example:8443/a/b/c/d": GitUrl("https", "h.example", "/a/b/c/d", 8443),
    "https://[2001:db8::1]:8443/r": GitUrl("https", "2001:db8::1", "/r", 8443),
    "https://10.0.0.1/r%20s": GitUrl("https", "10.0.0.1", "/r%20s"),
    "https://xn--bcher-kva.example/~me/r": GitUrl("https", "xn--bcher-kva.example", "/~me/r"),
    "http://127.0.0.1:8000/r": GitUrl("http", "127.0.0.1", "/r", 8000),
    "http://127.9.9.9/r": GitUrl("http", "127.9.9.9", "/r"),
    "http://localhost:80/r": GitUrl("http", "localhost", "/r"),
    "http://[::1]/r": GitUrl("http", "::1", "/r"),
    "git@github.com:owner/repo.git": GitUrl("ssh", "github.com", "owner/repo.git", 0, "git"),
    "git@Work:~me/r/": GitUrl("ssh", "work", "~me/r", 0, "git"),
    "me@[2001:db8::1]:r": GitUrl("ssh", "2001:db8::1", "r", 0, "me"),
    "me@h.example:/srv/r": GitUrl("ssh", "h.example", "/srv/r", 0, "me"),
    "ssh://git@github.com/owner/repo": GitUrl("ssh", "github.com", "/owner/repo", 0, "git"),
    "ssh://h.example:2222/~/r": GitUrl("ssh", "h.example", "/~/r", 2222),
    "git+ssh://git@h.example:22/r": GitUrl("ssh", "h.example", "/r", 0, "git"),
    "git://127.0.0.1/r": GitUrl("git", "127.0.0.1", "/r"),
    "git://localhost:9999/r": GitUrl("git", "localhost", "/r", 9999),
    "file:///srv/git/r.git": GitUrl("file", "", "/srv/git/r.git"),
    "file:///home/josé/my%20repo/": GitUrl("file", "", "/home/josé/my%20repo"),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    assert parse(text) == ACCEPTED[text]


@pytest.mark.parametrize("text", ACCEPTED)
def test_public_text_reads_back_as_the_same_url(text: str) -> None:
    url = parse(text)
    assert parse(url.public) == url


REFUSED = {
    "": "Refused: expected a URL, found nothing",
    "git://h.example/r": (
        "Refused: git:// is neither encrypted nor authenticated [git://h.example/r]"
        " try: use https://h.example/r, or --allow-http"
    ),
    "http://h.example:8080/r": (
        "Refused: http is neither encrypted nor authenticated [http://h.example:8080/r]"
        " try: use https://h.example:8080/r, or --allow-http"
    ),
    "http://[2001:db8::1]/r": (
        "Refused: http is neither encrypted nor authenticated [http://[2001:db8::1]/r]"
        " try: use https://[2001:db8::1]/r, or --allow-http"
    ),
    "git://me@127.0.0.1/r": (
        "Refused: a URL with a user name or password is not accepted […@127.0.0.1/r]"
        " try: leave out everything up to the '@'"
    ),
    "ssh://me:pw@h.example/r": (
        "Refused: ssh takes no password from a URL […@h.example/r]"
        " try: leave it out: ssh asks your agent for a key"
    ),
    "ssh://-oProxyCommand=x/r": (
        "Refused: expected a host name in plain ASCII, or an IP address [ssh://-oProxyCommand=x/r]"
    ),
    "ssh://-oProxyCommand=x@h.example/r": (
        "Refused: expected a user name of letters and digits before the '@' […@h.example/r]"
    ),
    "ssh://@h.example/r": "Refused: expected a user name of letters and digits before the '@' […@h.example/r]",
    "ssh://a@b@h.example/r": (
        "Refused: expected a user name of letters and digits before the '@' […@h.example/r]"
    ),
    "git@-oProxyCommand=x:r": "Refused: expected a URL such as https://host/owner/repository [git@-oProxyCommand=x:r]",
    "-oProxyCommand=x@h.example:r": ("Refused: a URL that begins with '-' is not accepted […@h.example:r]"),
    "git@h.example:-r": "Refused: expected the path of a repository behind the host [git@h.example:-r]",
    "git@h.example:../r": "Refused: expected the path of a repository behind the host [git@h.example:../r]",
    "git@h.example:a/../../r": (
        "Refused: expected the path of a repository behind the host [git@h.example:a/../../r]"
    ),
    "git@h.example:r%0a": "Refused: expected the path of a repository behind the host [git@h.example:r%0a]",
    "git@h.example:22:r": "Refused: expected a URL such as https://host/owner/repository [git@h.example:22:r]",
    "svn://h.example/r": "Refused: unknown scheme 'svn' [svn://h.example/r]",
    "ftp://h.example/r": "Refused: unknown scheme 'ftp' [ftp://h.example/r]",
    "ext::sh": "Refused: expected a URL such as https://host/owner/repository [ext::sh]",
    "ext::https://h.example/r": (
        "Refused: expected a URL such as https://host/owner/repository [ext::https://h.example/r]"
    ),
    "C:\\repo": "Refused: expected a URL such as https://host/owner/repository [C:\\repo]",
    "C:/repo": "Refused: expected a URL such as https://host/owner/repository [C:/repo]",
    "foo:bar": "Refused: expected a URL such as https://host/owner/repository [foo:bar]",
    "./folder": "Refused: expected a URL such as https://host/owner/repository [./folder]",
    "https:/h/r": "Refused: expected a URL such as https://host/owner/repository [https:/h/r]",
    "-https://h.example/r": "Refused: a URL that begins with '-' is not accepted [-https://h.example/r]",
    "--upload-pack=x": "Refused: a URL that begins with '-' is not accepted [--upload-pack=x]",
    "ext::sh -c x": "Refused: a URL with a space or an invisible character is not accepted [ext::sh -c x]",
    "https://h/r\x1b[31m": (
        "Refused: a URL with a space or an invisible character is not accepted [https://h/r?[31m]"
    ),
    "https://h/r\n": "Refused: a URL with a space or an invisible character is not accepted [https://h/r?]",
    "https://h/\u202er": "Refused: a URL with a space or an invisible character is not accepted [https://h/?r]",
    "https://h.example/r?a=1": "Refused: a URL with '?' or '#' is not accepted [https://h.example/r…]",
    "https://h.example/r#x": "Refused: a URL with '?' or '#' is not accepted [https://h.example/r…]",
    "https://h.example?x": "Refused: a URL with '?' or '#' is not accepted [https://h.example…]",
    "https://h.example": "Refused: expected the path of a repository behind the host [https://h.example]",
    "https://h.example/": "Refused: expected the path of a repository behind the host [https://h.example/]",
    "https://h.example//r": "Refused: expected the path of a repository behind the host [https://h.example//r]",
    "https://h.example/a/../r": (
        "Refused: expected the path of a repository behind the host [https://h.example/a/../r]"
    ),
    "https://h.example/%2e%2e/r": (
        "Refused: expected the path of a repository behind the host [https://h.example/%2e%2e/r]"
    ),
    "https://h.example/r%0a": (
        "Refused: expected the path of a repository behind the host [https://h.example/r%0a]"
    ),
    "https://h.example/r%zz": (
        "Refused: expected the path of a repository behind the host [https://h.example/r%zz]"
    ),
    "https://h.example/ré": "Refused: expected the path of a repository behind the host [https://h.example/ré]",
    "https:///r": "Refused: expected a host, optionally with a port [https:///r]",
    "https://h:0/r": "Refused: expected a port from 1 to 65535, found 0 [https://h:0/r]",
    "https://h:65536/r": "Refused: expected a port from 1 to 65535, found 65536 [https://h:65536/r]",
    "https://h:/r": "Refused: expected a host, optionally with a port [https://h:/r]",
    "https://h:x/r": "Refused: expected a host, optionally with a port [https://h:x/r]",
    "https://bücher.example/r": (
        "Refused: expected a host name in plain ASCII, or an IP address [https://bücher.example/r]"
    ),
    "https://-h.example/r": "Refused: expected a host name in plain ASCII, or an IP address [https://-h.example/r]",
    "https://h..example/r": "Refused: expected a host name in plain ASCII, or an IP address [https://h..example/r]",
    "https://h.example./r": (
        "Refused: expected a host name in plain ASCII, or an IP address [https://h.example./r]"
    ),
    "http://127.1/r": "Refused: expected a host name in plain ASCII, or an IP address [http://127.1/r]",
    "http://2130706433/r": "Refused: expected a host name in plain ASCII, or an IP address [http://2130706433/r]",
    "http://0x7f.0x1/r": "Refused: expected a host name in plain ASCII, or an IP address [http://0x7f.0x1/r]",
    "https://[127.0.0.1]/r": (
        "Refused: expected a host name in plain ASCII, or an IP address [https://[127.0.0.1]/r]"
    ),
    "http://h.example/r": (
        "Refused: http is neither encrypted nor authenticated [http://h.example/r] try: use https://h.example/r, or --allow-http"
    ),
    "http://localhost.evil.example/r": (
        "Refused: http is neither encrypted nor authenticated [http://localhost.evil.example/r]"
        " try: use https://localhost.evil.example/r, or --allow-http"
    ),
    "file://host/r": "Refused: expected file:// and the absolute path of a repository [file://host/r]",
    "file://r": "Refused: expected file:// and the absolute path of a repository [file://r]",
    "file:///": "Refused: expected file:// and the absolute path of a repository [file:///]",
    "file:///a/../b": "Refused: expected file:// and the absolute path of a repository [file:///a/../b]",
    "file:///a%00": "Refused: expected file:// and the absolute path of a repository [file:///a%00]",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert told(caught.value) == REFUSED[text]


def test_a_long_url_is_refused_and_cut() -> None:
    with pytest.raises(Refused) as caught:
        parse("https://h.example/" + "r" * 3000)
    assert caught.value.message == "the URL has 3018 characters, the limit is 2048"
    assert len(caught.value.where) == 201


SECRETS = [
    "https://user:s3cret@h.example/r",
    "https://s3cret@h.example/r",
    "https://user:s3cret@h.example/r?x#y",
    "https://user:s3#cret@h.example/r",
    "https://user:s3cret/more@h.example/r",
    "https://user:99/s3cret@h.example/r",
    "http://user:99/s3cret@h.example/r",
    "https:/user:s3cret@h.example/r",
    "user:s3cret@h.example:r",
    "s3cret@h.example:r s",
    "https://h.example/r?access_token=s3cret",
    "https://h.example/r#s3cret",
    "ssh://user:s3cret@h.example/r",
    "svn://user:s3cret@h.example/r",
    "https://user:s3cret@h.example/r\x07",
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_error_holds_a_secret(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert "s3cret" not in told(caught.value)
    assert "s3" not in shown(text).replace("s3cret", "")


def test_credentials_are_refused_in_words() -> None:
    with pytest.raises(Refused) as caught:
        parse("https://user:s3cret@h.example/r")
    assert told(caught.value) == (
        "Refused: a URL with a user name or password is not accepted […@h.example/r]"
        " try: leave out everything up to the '@'"
    )


LOGINS = {
    "https://me:pw@h.example/r": Login("me", "pw"),
    "https://t0ken@h.example:8443/r": Login("t0ken"),
    "https://me:a%2Fb%40c%3ad@h.example/r": Login("me", "a/b@c:d"),
    "https://:pw@h.example/r": Login("", "pw"),
    "http://me:pw@127.0.0.1:1/r": Login("me", "pw"),
}


@pytest.mark.parametrize("text", LOGINS)
def test_a_login_is_taken_out_of_a_typed_url(text: str) -> None:
    url, login = parse_typed(text)
    assert login == LOGINS[text]
    assert url.public == text[: text.index("//") + 2] + text.rpartition("@")[2]
    assert parse(url.public) == url


@pytest.mark.parametrize(
    "text",
    [
        "https://@h.example/r",
        "https://:@h.example/r",
        "https://a:s3cret@b@h.example/r",
        "https://a%0aprotocol=https:s3cret@h.example/r",  # what a credential helper would read as another line
        "https://a:s3cret%0d%0aX:y@h.example/r",
        "https://a:s3cret%00@h.example/r",
        "https://a:" + "s3cret" * 1000 + "@h.example/r",
    ],
)
def test_a_login_that_could_forge_something_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_typed(text)
    assert "s3cret" not in told(caught.value)


def test_plain_protocols_elsewhere_only_when_allowed() -> None:
    assert parse("http://h.example/r", allow_http=True) == GitUrl("http", "h.example", "/r")
    assert parse("git://h.example/r", allow_http=True) == GitUrl("git", "h.example", "/r")


def test_label_and_local_path() -> None:
    assert parse("https://github.com/owner/repo.git").label == "github.com/owner/repo"
    assert parse("file:///srv/my%20repo").label == "/srv/my repo"
    assert parse("file:///srv/my%20repo").local_path == "/srv/my repo"
    assert str(parse("https://[::1]:8443/r")) == "https://[::1]:8443/r"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("github:owner/repo", ("https://github.com/owner/repo", "")),
        ("github:owner/repo/tark/dist", ("https://github.com/owner/repo", "tark/dist")),
        ("GitHub:Owner/re.po_-1/a/", ("https://github.com/Owner/re.po_-1", "a")),
        ("https://github.com/owner/repo", ("https://github.com/owner/repo", "")),
        ("./folder", ("./folder", "")),
    ],
)
def test_expand(text: str, expanded: tuple[str, str]) -> None:
    assert expand(text) == expanded


@pytest.mark.parametrize(
    "text",
    [
        "github:",
        "github:owner",
        "github:owner/",
        "github:-o/r",
        "github:o/..",
        "github:o/r\x1b",
        "github:o@p/r",
    ],
)
def test_expand_refuses_what_names_no_repository(text: str) -> None:
    with pytest.raises(Refused, match=r"^expected github:owner/repository, optionally followed by /folder$"):
        expand(text)


def test_expand_refuses_a_folder_outside() -> None:
    with pytest.raises(Refused) as caught:
        expand("github:owner/repo/../x")
    assert told(caught.value) == (
        "Refused: expected a folder inside the repository, found '../x' [github:owner/repo/../x]"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.1", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["128.0.0.1", "127.1", "::2", "localhost.example", "0.0.0.0", "::ffff:7f00:1x"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


REDIRECTS = {
    ("https://a.example/r", f"https://b.example/s{TAIL}"): "https://b.example/s",
    ("https://a.example/r", f"/s.git{TAIL}"): "https://a.example/s.git",
    ("https://a.example/r", f"https://a.example:444/r{TAIL}"): "https://a.example:444/r",
    ("http://127.0.0.1/r", f"https://b.example/s{TAIL}"): "https://b.example/s",
    ("http://127.0.0.1/r", f"http://localhost:81/s{TAIL}"): "http://localhost:81/s",
}


@pytest.mark.parametrize("pair", REDIRECTS)
def test_redirect_followed(pair: tuple[str, str]) -> None:
    assert redirected(parse(pair[0]), pair[1], TAIL).public == REDIRECTS[pair]


BAD_REDIRECTS = {
    f"http://127.0.0.1/r{TAIL}": "redirected from https to 'http://127.0.0.1/r'",
    f"http://a.example/r{TAIL}": "redirected from https to 'http://a.example/r'",
    f"file:///etc{TAIL}": "redirected from https to 'file:///etc'",
    f"ssh://a.example/r{TAIL}": "redirected from https to 'ssh://a.example/r'",
    f"git://127.0.0.1/r{TAIL}": "redirected from https to 'git://127.0.0.1/r'",
    f"https://u:s3cret@a.example/r{TAIL}": (
        "redirected to '…@a.example/r': a URL with a user name or password is not accepted"
    ),
    "https://login.example/": (
        "redirected to 'https://login.example/': expected the path of a repository behind the host"
    ),
    "https://login.example/in": "redirected to 'https://login.example/in', which is not a git repository",
    f"https://[::1/r{TAIL}": "redirected to something that is not a URL",
    f"https://a.example/\x1b]0;x\x07{TAIL}": (
        "redirected to 'https://a.example/?]0;x?':"
        " a URL with a space or an invisible character is not accepted"
    ),
}


@pytest.mark.parametrize("location", BAD_REDIRECTS)
def test_redirect_refused(location: str) -> None:
    with pytest.raises(Refused) as caught:
        redirected(parse("https://a.example/r"), location, TAIL)
    assert told(caught.value) == f"Refused: {BAD_REDIRECTS[location]} [https://a.example/r]"


def test_a_redirect_to_plain_http_elsewhere_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        redirected(parse("http://127.0.0.1/r"), f"http://a.example/r{TAIL}", TAIL)
    assert told(caught.value) == (
        "Refused: redirected to 'http://a.example/r': http is neither encrypted nor authenticated"
        " [http://127.0.0.1/r]"
    )


def test_a_login_for_git_is_refused_in_words() -> None:
    with pytest.raises(Refused, match=r"^git:// takes no user name or password$"):
        parse_typed("git://me@127.0.0.1/r")


def test_redirect_to_plain_http_is_refused_from_https_even_when_http_is_allowed() -> None:
    with pytest.raises(Refused, match=r"^redirected from https to 'http://b\.example/r'$"):
        redirected(parse("https://a.example/r"), f"http://b.example/r{TAIL}", TAIL, allow_http=True)
