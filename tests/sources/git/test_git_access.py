"""The way to a repository: insteadOf, proxies, authorities and logins, as the user's git and curl have them."""

import stat
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.gitattack import told

from tarkpm.errors import Refused, Unreachable
from tarkpm.io import helper_program
from tarkpm.io.login import Login
from tarkpm.sources.git import gitconfig, helper
from tarkpm.sources.git.access import Access, Logins, Route, token_variable
from tarkpm.sources.git.url import parse

SECRET = "hunter2-s3cret"
NOTHING: Mapping[str, str] = {}


class Home:
    """A HOME with git's and curl's files in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(self, text: str, name: str = ".gitconfig") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def netrc(self, text: str) -> None:
        (self.folder / ".netrc").write_text(text)

    def route(self, url: str, more: Mapping[str, str] = NOTHING, *, login: Login | None = None) -> Route:
        return Access({**self.environment, **more}).route(parse(url), login)

    def logins(self, url: str, login: Login | None = None, more: Mapping[str, str] = NOTHING) -> Logins:
        return Logins(self.route(url, more, login=login))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# insteadOf


def test_no_settings(home: Home) -> None:
    route = home.route("https://h.example/r")
    assert (route.url, route.proxy, route.authorities, route.login) == (route.asked, "", "", None)
    assert route.where == "https://h.example/r"


def test_instead_of(home: Home) -> None:
    home.git('[url "git@mirror.example:"]\n\tinsteadOf = https://h.example/\n')
    route = home.route("https://h.example/o/r")
    assert route.url.public == "git@mirror.example:o/r"
    assert route.asked.public == "https://h.example/o/r"
    assert route.where == "https://h.example/o/r (by git's insteadOf git@mirror.example:o/r)"
    assert home.route("https://other.example/r").url.public == "https://other.example/r"


def test_the_longest_instead_of(home: Home) -> None:
    home.git(
        '[url "https://a.example/"]\n\tinsteadOf = https://h.example/\n'
        '[url "https://b.example/"]\n\tinsteadOf = https://h.example/o/\n\tinsteadOf = https://k.example/\n'
    )
    assert home.route("https://h.example/o/r").url.public == "https://b.example/r"
    assert home.route("https://h.example/p/r").url.public == "https://a.example/p/r"
    assert home.route("https://k.example/r").url.public == "https://b.example/r"


@pytest.mark.parametrize("name", [".gitconfig", ".config/git/config"])
def test_where_settings_are(home: Home, name: str) -> None:
    home.git('[URL "https://m.example/"]\n\tinsteadof = "https://h.example/" # mirror\n', name)
    assert home.route("https://h.example/r").url.public == "https://m.example/r"


def test_other_places(home: Home, tmp_path: Path) -> None:
    text = '[url "https://m.example/"]\n\tinsteadOf = https://h.example/\n'
    (tmp_path / "elsewhere").write_text(text)
    for variable in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        route = home.route("https://h.example/r", {variable: str(tmp_path / "elsewhere")})
        assert route.url.public == "https://m.example/r"
    home.git(text)
    assert home.route("https://h.example/r", {"GIT_CONFIG_GLOBAL": ""}).url == parse("https://h.example/r")
    given = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "url.https://n.example/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://h.example/o/",
    }
    assert home.route("https://h.example/o/r", given).url.public == "https://n.example/r"


def test_included_settings(home: Home) -> None:
    home.git("[include]\n\tpath = work.inc\n")
    home.git('[url "https://m.example/"]\n\tinsteadOf = https://h.example/\n', "work.inc")
    assert home.route("https://h.example/r").url.public == "https://m.example/r"


def test_an_include_that_never_ends(home: Home) -> None:
    home.git("[include]\n\tpath = .gitconfig\n")
    assert home.route("https://h.example/r").url.public == "https://h.example/r"
    for number in range(100):
        home.git("[include]\n\tpath = more\n" * 2, f"deep/{number}")
    home.git("".join(f"[include]\n\tpath = deep/{number}\n" for number in range(100)))
    with pytest.raises(Refused, match="git's settings are in more than 64 files"):
        home.route("https://h.example/r")


def test_the_configuration_of_a_repository_is_not_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.folder / "app" / ".git").mkdir(parents=True)
    home.git('[url "https://evil.example/"]\n\tinsteadOf = https://h.example/\n', "app/.git/config")
    monkeypatch.chdir(home.folder / "app")
    monkeypatch.setenv("GIT_DIR", str(home.folder / "app" / ".git"))
    assert home.route("https://h.example/r").url.public == "https://h.example/r"


def test_a_login_in_instead_of(home: Home) -> None:
    """As continuous integration does it."""
    home.git(f'[url "https://ci:{SECRET}@h.example/"]\n\tinsteadOf = https://h.example/\n')
    route = home.route("https://h.example/r")
    assert (route.url.public, route.login) == ("https://h.example/r", Login("ci", SECRET))
    assert SECRET not in route.where + repr(route)


def test_a_typed_login_does_not_follow_to_another_host(home: Home) -> None:
    home.git('[url "https://m.example/"]\n\tinsteadOf = https://h.example/\n')
    assert home.route("https://h.example/r", login=Login("me", SECRET)).login is None
    assert home.route("https://k.example/r", login=Login("me", SECRET)).login == Login("me", SECRET)


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        ("ext::sh -c touch% /tmp/x ", "a URL with a space or an invisible character is not accepted"),
        ("ext::", "expected a URL such as https://host/owner/repository"),
        ("http://m.example/", "http is neither encrypted nor authenticated"),
        ("git://m.example/", "git:// is neither encrypted nor authenticated"),
        ("ssh://-oProxyCommand=x/", "expected a host name in plain ASCII, or an IP address"),
        (f"https://me:{SECRET}@m.example/?", "a URL with '?' or '#' is not accepted"),
    ],
)
def test_instead_of_leads_nowhere_else(home: Home, base: str, sentence: str) -> None:
    home.git(f'[url "{base}"]\n\tinsteadOf = https://h.example/\n')
    with pytest.raises(Refused) as caught:
        home.route("https://h.example/r")
    assert caught.value.message.startswith("git's insteadOf leads to '")
    assert caught.value.message.endswith(f": {sentence}")
    assert caught.value.where == "https://h.example/r"
    assert SECRET not in told(caught.value)


@pytest.mark.parametrize("text", [f"oops {SECRET}", f'[url "{SECRET}', f"[{SECRET}\n"])
def test_settings_that_cannot_be_read_are_not_quoted(home: Home, text: str) -> None:
    home.git(text)
    with pytest.raises(Refused) as caught:
        home.route("https://h.example/r")
    assert told(caught.value) == (
        f"Refused: expected a git configuration file [{home.folder}/.gitconfig]"
        " try: git config --list --show-origin"
    )


def test_settings_too_large(home: Home) -> None:
    home.git("# \n" * 400_000)
    with pytest.raises(Refused, match="the file has more than 1,048,576 bytes"):
        home.route("https://h.example/r")


def test_without_settings_nothing_is_imported(home: Home) -> None:
    assert gitconfig.read(home.environment) == gitconfig.GitConfig()


# Proxies and authorities


PROXIES: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "the environment's": ("", {"HTTPS_PROXY": "http://env:1"}, "http://env:1"),
    "git's is stronger": (
        "[http]\n\tproxy = http://git:2\n",
        {"HTTPS_PROXY": "http://env:1"},
        "http://git:2",
    ),
    "none, by NO_PROXY": ("[http]\n\tproxy = http://git:2\n", {"NO_PROXY": ".example"}, ""),
    "none, by git": ("[http]\n\tproxy =\n", {"HTTPS_PROXY": "http://env:1"}, ""),
    "for this host": (
        '[http "https://h.example"]\n\tproxy = http://h:3\n[http]\n\tproxy = x\n',
        {},
        "http://h:3",
    ),
    "for all below": ('[http "https://*.example/"]\n\tproxy = http://h:4\n', {}, "http://h:4"),
    "for another host": ('[http "https://k.example"]\n\tproxy = http://h:3\n', {}, ""),
    "for this path": ('[http "https://h.example/o"]\n\tproxy = http://h:5\n', {}, "http://h:5"),
    "for another path": ('[http "https://h.example/ox"]\n\tproxy = http://h:5\n', {}, ""),
    "for another port": ('[http "https://h.example:444/"]\n\tproxy = http://h:5\n', {}, ""),
    "the last": ("[http]\n\tproxy = http://a\n\tproxy = http://b\n", {}, "http://b"),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxies(home: Home, name: str) -> None:
    text, environment, proxy = PROXIES[name]
    home.git(text)
    assert home.route("https://h.example/o/r", environment).proxy == proxy


def test_this_machine_is_never_asked_through_a_proxy(home: Home) -> None:
    home.git("[http]\n\tproxy = http://git:2\n")
    assert home.route("http://127.0.0.1/r").proxy == ""


def test_authorities(home: Home) -> None:
    assert home.route("https://h.example/r", {"SSL_CERT_FILE": "/env.pem"}).authorities == "/env.pem"
    home.git('[http "https://h.example/"]\n\tsslCAInfo = ~/corp.pem\n\tsslVerify = false\n')
    route = home.route("https://h.example/r", {"SSL_CERT_FILE": "/env.pem"})
    assert route.authorities == f"{home.folder}/corp.pem"
    assert home.route("https://k.example/r", {"SSL_CERT_FILE": "/env.pem"}).authorities == "/env.pem"


@pytest.mark.parametrize(
    ("config", "environment", "found"),
    [
        ("", {"SSL_CERT_DIR": "/d"}, ("", "/d")),
        ("", {"SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"}, ("/f", "/d")),
        ("", {"GIT_SSL_CAINFO": "/g", "SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"}, ("/g", "")),
        ("", {"GIT_SSL_CAPATH": "/p", "SSL_CERT_DIR": "/d"}, ("", "/p")),
        ("", {"GIT_SSL_CAINFO": "", "SSL_CERT_FILE": "/f"}, ("/f", "")),
        ("[http]\n\tsslCAInfo = /c\n\tsslCAPath = /q\n", {"SSL_CERT_FILE": "/f"}, ("/c", "/q")),
        ("[http]\n\tsslCAInfo = /c\n", {"GIT_SSL_CAINFO": "/g"}, ("/g", "")),
    ],
)
def test_a_variable_of_git_is_stronger_than_its_setting_and_that_than_openssl(
    home: Home, config: str, environment: dict[str, str], found: tuple[str, str]
) -> None:
    home.git(config)
    route = home.route("https://h.example/r", environment)
    assert (route.authorities, route.authority_folder) == found


# Tokens


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/o/r", "TARKPM_GIT_TOKEN_GITHUB_COM"),
        ("https://git-hub.com/o/r", "TARKPM_GIT_TOKEN_GIT__HUB_COM"),
        ("https://git.hub.com/o/r", "TARKPM_GIT_TOKEN_GIT_HUB_COM"),
        ("https://github.com:8443/o/r", "TARKPM_GIT_TOKEN_GITHUB_COM_8443"),
        ("http://127.0.0.1:80/r", "TARKPM_GIT_TOKEN_127_0_0_1"),
        ("https://git_hub.com/o/r", ""),
        ("https://[::1]/r", ""),
    ],
)
def test_the_name_of_a_token(url: str, name: str) -> None:
    assert token_variable(parse(url)) == name


def test_no_two_hosts_share_a_token() -> None:
    hosts = ["a-b.c", "a.b.c", "a--b.c", "a.b-c", "a-b-c", "ab.c", "a.b.c:1", "a.b.c:11", "a.b1.c"]
    assert len({token_variable(parse(f"https://{host}/r")) for host in hosts}) == len(hosts)


# The order


def every(logins: Logins) -> list[Login]:
    return list(iter(logins.next, None))


def helps(home: Home, answer: str) -> None:
    """A credential helper that writes down what it was asked and answers this."""
    script = home.folder / "helper"
    script.write_text(
        f'#!/bin/sh\nprintf "%s: " "$1" >> "{home.folder}/asked"; cat >> "{home.folder}/asked"\n{answer}\n'
    )
    script.chmod(stat.S_IRWXU)
    home.git(f'[credential]\n\thelper = "{script}"\n')


def test_all_logins_in_order(home: Home) -> None:
    home.netrc("machine h.example login n password netrc\n")
    helps(home, "echo username=h; echo password=helper")
    logins = home.logins("https://h.example/r", Login("u", "typed"), {"TARKPM_GIT_TOKEN_H_EXAMPLE": "token"})
    assert logins.first() == Login("u", "typed")
    assert every(logins) == [Login("x-access-token", "token"), Login("h", "helper")]
    assert told(logins.refusal("URL")) == (
        "Unreachable: the server refuses the login; tried the URL's, TARKPM_GIT_TOKEN_H_EXAMPLE, netrc and the"
        " credential helper [URL] try: export TARKPM_GIT_TOKEN_H_EXAMPLE=TOKEN"
    )


def test_nothing_is_sent_without_being_asked_but_what_was_given(home: Home) -> None:
    home.netrc("machine h.example login n password netrc\n")
    assert home.logins("https://h.example/r").first() is None
    assert home.logins("https://h.example/r", Login("only-a-name")).first() is None
    given = home.logins("https://h.example/r", None, {"TARKPM_GIT_TOKEN_H_EXAMPLE": "me:token"})
    assert given.first() == Login("me", "token")


def test_a_name_alone_is_completed_and_else_taken_for_a_token(home: Home) -> None:
    home.netrc("machine h.example login n password netrc\n")
    assert every(home.logins("https://h.example/r", Login("n"))) == [Login("n", "netrc"), Login("n")]
    assert every(home.logins("https://h.example/r", Login("t0ken"))) == [Login("t0ken")]


def test_no_login_anywhere(home: Home) -> None:
    logins = home.logins("https://h.example/r")
    assert every(logins) == []
    assert logins.refusal("URL").message == (
        "the server requires authentication; tried netrc and the credential helper"
    )


def test_no_git_no_helper(home: Home) -> None:
    logins = home.logins("https://h.example/r", None, {"PATH": str(home.folder)})
    assert every(logins) == []
    assert logins.refusal("URL").message == "the server requires authentication; tried netrc"


def test_no_login_leaves_unencrypted(home: Home) -> None:
    access = Access(home.environment | {"TARKPM_GIT_TOKEN_H_EXAMPLE": SECRET}, allow_http=True)
    home.netrc(f"machine h.example login n password {SECRET}\n")
    logins = Logins(access.route(parse("http://h.example/r", allow_http=True), Login("u", SECRET)))
    assert logins.first() is None
    assert every(logins) == []
    assert told(logins.refusal("URL")) == (
        "Unreachable: the server requires authentication, and tarkpm sends logins only over https [URL]"
        " try: use https://h.example/r"
    )


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX: y", "a\0b"])
def test_a_token_that_could_forge_a_header(home: Home, token: str) -> None:
    environment = {"TARKPM_GIT_TOKEN_H_EXAMPLE": token}
    logins = Logins(Route(Access(environment), parse("https://h.example/r"), parse("https://h.example/r")))
    with pytest.raises(Refused, match="expected a token without line breaks"):
        logins.first()


# The credential helper


def test_what_a_helper_is_asked(home: Home) -> None:
    helps(home, "echo username=h; echo password=p")
    home.git((home.folder / ".gitconfig").read_text() + "\tuseHttpPath = true\n")
    url = parse("https://h.example:8443/o/r.git")
    assert helper.fill(home.environment, url, "me") == Login("h", "p")
    asked = (home.folder / "asked").read_text()
    assert asked == "get: protocol=https\nhost=h.example:8443\npath=o/r.git\nusername=me\n"


@pytest.mark.parametrize(
    "answer", ["", "exit 1", "echo username=h", "echo quit=1", "yes password=x", "kill $$"]
)
def test_a_helper_without_an_answer(home: Home, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_program, "SECONDS", 2)
    helps(home, answer)
    assert helper.fill(home.environment, parse("https://h.example/r")) is None


def test_a_helper_that_waits_is_ended_with_all_it_started(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper_program, "SECONDS", 0.5)
    helps(home, f'sleep 600 & echo $! > "{home.folder}/pid"; wait')
    assert helper.fill(home.environment, parse("https://h.example/r")) is None
    pid = int((home.folder / "pid").read_text())
    deadline = time.monotonic() + 5
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


def test_nobody_is_asked(home: Home) -> None:
    ask = home.folder / "ask"
    ask.write_text(f'#!/bin/sh\ntouch "{home.folder}/was-asked"; echo {SECRET}\n')
    ask.chmod(0o755)
    home.git(f"[core]\n\taskPass = {ask}\n")
    environment = home.environment | {"GIT_ASKPASS": str(ask), "SSH_ASKPASS": str(ask), "DISPLAY": ":0"}
    assert helper.fill(environment, parse("https://h.example/r")) is None
    assert not (home.folder / "was-asked").exists()


def test_a_repository_around_us_names_no_helper(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloned project's .git/config may hold ``credential.helper = !anything``."""
    project = home.folder / "project"
    (project / ".git" / "objects").mkdir(parents=True)
    (project / ".git" / "refs").mkdir()
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (project / ".git" / "config").write_text(
        f'[core]\n\trepositoryformatversion = 0\n[credential]\n\thelper = "!touch {home.folder}/owned"\n'
    )
    monkeypatch.chdir(project)
    for more in ({}, {"GIT_DIR": str(project / ".git")}, {"GIT_WORK_TREE": str(project)}):
        assert helper.fill(home.environment | more, parse("https://h.example/r")) is None
    assert not (home.folder / "owned").exists()


def test_a_helper_is_not_told_our_tokens(home: Home) -> None:
    helps(home, f'env > "{home.folder}/env"; echo username=h; echo password=p')
    environment = home.environment | {"TARKPM_GIT_TOKEN_H_EXAMPLE": SECRET, "GIT_TRACE": "1"}
    assert helper.fill(environment, parse("https://h.example/r")) == Login("h", "p")
    said = (home.folder / "env").read_text()
    assert SECRET not in said
    assert "GIT_TRACE" not in said


def test_a_refusal_is_could_not_check() -> None:
    assert Unreachable("x").exit_status == 5
