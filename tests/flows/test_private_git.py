"""Private repositories in a company's network, as their people use them; and no secret anywhere after it."""

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Publisher
from support.corporate import ELSEWHERE, HOST, Corporate, basic, corporate
from support.daemons import Sshd, git_daemon, sshd
from support.gitserver import GitHandler
from support.sandbox import Result, Sandbox

SECRET = "hunter2-s3/cret"
FORMS = (
    SECRET,
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode()[:-2],
    basic("me", SECRET)[9:],
)


@dataclass
class Person:
    """Somebody in the company, with an empty project and a release to be had."""

    sandbox: Sandbox
    network: Corporate
    publisher: Publisher

    @property
    def url(self) -> str:
        return self.network.url("text-tools")

    def run(self, *arguments: str, **environment: str) -> Result:
        return self.sandbox.run(*arguments, env={**self.network.environment, **environment})

    def add(self, url: str = "", **environment: str) -> Result:
        return self.run(
            "add",
            url or self.url,
            "--trust",
            self.publisher.key,
            "--accept-capabilities",
            "-vv",
            **environment,
        )

    def refused(self, status: int, *texts: str, url: str = "", **environment: str) -> Result:
        """What is said with -vv to an `add` that must fail like this."""
        result = self.add(url, **environment)
        assert result.status == status, result
        for text in texts:
            assert text in result.err, (text, result)
        assert "error: unexpected" not in result.err
        assert not list(self.sandbox.plugins.glob("*"))
        return result

    def write(self, name: str, text: str) -> Path:
        path = self.sandbox.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Corporate]:
    with corporate(tmp_path / "corp") as running:
        running.members = {basic("me", SECRET), basic("x-access-token", SECRET)}
        yield running


@pytest.fixture
def person(sandbox: Sandbox, network: Corporate) -> Person:
    publisher = Publisher(sandbox, network.server, "text-tools")
    publisher.release()
    sandbox.init()
    return Person(sandbox, network, publisher)


def helper(person: Person) -> None:
    script = person.write(
        "helper", f"#!/bin/sh\nps -eo args > $HOME/ps\necho username=me\necho 'password={SECRET}'\n"
    )
    script.chmod(0o755)
    person.write(".gitconfig", f"[credential]\n\thelper = {script}\n")


def instead(person: Person) -> None:
    base = f"https://me:{quote(SECRET, safe='')}@{HOST}/"
    person.write(".gitconfig", f'[url "{base}"]\n\tinsteadOf = https://{HOST}/\n')


def netrc(person: Person) -> None:
    person.write(".netrc", f"machine {HOST}\n  login me\n  password {SECRET}\n")


def proxied(person: Person) -> None:
    """A proxy that asks, too: in git's settings, as `git config --global http.proxy` puts it there."""
    netrc(person)
    person.network.guests = {basic("guest", SECRET)}
    proxy = person.network.proxy.replace("//", f"//guest:{quote(SECRET, safe='')}@")
    person.write(".gitconfig", f"[http]\n\tproxy = {proxy}\n")


def nothing(person: Person) -> None:
    """The rest is in the environment or the URL."""


TOKEN = {"TARKPM_GIT_TOKEN_GIT_EXAMPLE": SECRET}
TYPED = f"https://me:{quote(SECRET, safe='')}@{HOST}/text-tools.git"
WAYS: dict[str, tuple[Callable[[Person], None], dict[str, str], str]] = {
    "the URL": (nothing, {}, TYPED),
    "a token": (nothing, TOKEN, ""),
    "netrc": (netrc, {}, ""),
    "a helper": (helper, {}, ""),
    "insteadOf": (instead, {}, ""),
    "a proxy": (proxied, {}, ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_private_repository(person: Person, way: str) -> None:
    """Add, sync from nothing, verify, list, info: all of it works, and nothing that was written holds the secret."""
    prepare, environment, typed = WAYS[way]
    prepare(person)
    results = [person.add(typed, **environment).ok()]
    shutil.rmtree(person.sandbox.store)
    shutil.rmtree(person.sandbox.plugins / "text-tools")
    if typed:  # it was for that one command
        results.append(person.run("sync", **environment).failed(5, "requires authentication; tried"))
        environment = TOKEN
    results.append(person.run("sync", "-vv", **environment).ok())
    results += [person.run(verb, "-vv", **environment).ok() for verb in ("verify", "list", "update", "lock")]
    results += [person.run("list", "--json").ok(), person.run("info", "text-tools", "-vv").ok()]
    _no_secret(person, results)
    assert person.url in (person.sandbox.cwd / "tark.lock").read_text()
    if way == "a helper":
        assert SECRET not in (person.sandbox.home / "ps").read_text()
        assert "git credential fill" in (person.sandbox.home / "ps").read_text()


@pytest.mark.parametrize("way", WAYS)
def test_a_login_that_is_refused(person: Person, way: str) -> None:
    prepare, environment, typed = WAYS[way]
    prepare(person)
    person.network.members = {basic("other", "password")}
    place = {"netrc": "netrc and the credential helper", "a proxy": "netrc and the credential helper"}
    results = [
        person.refused(
            5, "the server refuses the login; tried ", place.get(way, "netrc"), url=typed, **environment
        ),
        person.run("add", typed or person.url, "--json", **environment).failed(5),
        person.run("add", typed or person.url, "--tag", "nothing", **environment).failed(5),
    ]
    _no_secret(person, results)


def test_a_proxy_that_is_refused(person: Person) -> None:
    proxied(person)
    person.network.guests = {basic("another", "guest")}
    results = [person.refused(5, "the proxy requires authentication", "help: export HTTPS_PROXY=")]
    person.network.guests = set()
    person.write(".gitconfig", "")
    text = "cannot connect: tunnel connection failed: 403 forbidden"
    results.append(person.refused(5, text, url=person.url.replace(HOST, "nowhere.example")))
    gone = f"http://guest:{quote(SECRET, safe='')}@127.0.0.1:1"
    text = "the proxy http://127.0.0.1:1 cannot connect: connection refused"
    results.append(person.refused(5, text, HTTPS_PROXY=gone))
    _no_secret(person, results)


def test_nobody_has_a_login(person: Person) -> None:
    person.refused(
        5,
        "the server requires authentication; tried netrc and the credential helper",
        f"where: {person.url}",
        "help: export TARKPM_GIT_TOKEN_GIT_EXAMPLE=TOKEN",
    )


def test_an_authority_nobody_knows(person: Person) -> None:
    netrc(person)
    person.refused(5, "no secure connection: unable to get local issuer certificate", SSL_CERT_FILE="")
    for variable in ("SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        said = f"  where: {variable}=/nowhere.pem\n"
        person.refused(2, "expected a file of certificates", said, **{variable: "/nowhere.pem"})
    said = "  where: https_proxy, http_proxy or all_proxy\n  help: see which proxies are set: env | grep"
    person.refused(2, "found '::::'", said, https_proxy="::::")


def test_an_authority_in_gits_settings(person: Person) -> None:
    netrc(person)
    person.write(".gitconfig", f'[http "https://{HOST}/"]\n\tsslCAInfo = {person.network.authority}\n')
    person.add(SSL_CERT_FILE="").ok()


def test_a_broken_netrc_is_said_and_not_quoted(person: Person) -> None:
    person.write(".netrc", f'machine {HOST} password "{SECRET} oops {SECRET}\n')
    result = person.refused(2, "expected a netrc file", str(person.sandbox.home / ".netrc"))
    _no_secret(person, [result])


def test_a_login_does_not_follow_a_redirect(person: Person) -> None:
    """Not to another host, and not even if a login for that host is known: this server must not choose."""
    person.write(
        ".netrc",
        f"machine {HOST} login me password {SECRET}\nmachine {ELSEWHERE} login me password {SECRET}\n",
    )
    seen: list[tuple[str, str]] = []

    def redirect(handler: GitHandler) -> bool:
        headers = handler.record.headers
        seen.append((headers["host"], headers.get("authorization", "")))
        if person.network.admit(handler):
            return True
        if headers["host"] == HOST:
            location = f"https://{ELSEWHERE}{handler.record.path}"
            handler.reply(302, b"", {"Location": location})
            return True
        return False

    person.network.server.before = redirect
    result = person.refused(
        5,
        f"the server redirects to https://{ELSEWHERE}/text-tools.git, which requires authentication: no login is sent there",
        f"help: tarkpm add https://{ELSEWHERE}/text-tools.git",
    )
    assert [host for host, given in seen if given] == [HOST]
    _no_secret(person, [result])


def test_a_redirect_on_the_same_host_keeps_the_login(person: Person) -> None:
    netrc(person)

    def redirect(handler: GitHandler) -> bool:
        if person.network.admit(handler):
            return True
        if handler.record.path.startswith("/old.git"):
            handler.reply(301, b"", {"Location": handler.record.path.replace("/old.git", "/text-tools.git")})
            return True
        return False

    person.network.server.before = redirect
    person.add(person.url.replace("text-tools", "old")).ok()


def saying(status: int) -> Callable[[GitHandler], bool]:
    def answer(handler: GitHandler) -> bool:
        handler.reply(status)
        return True

    return answer


def test_a_server_that_answers_403(person: Person) -> None:
    person.network.server.before = saying(403)
    hint = "help: export TARKPM_GIT_TOKEN_GIT_EXAMPLE=TOKEN\n"
    person.refused(5, "the server does not let anonymous users read this", hint)
    person.refused(5, "the server does not let you read this", **TOKEN)


def test_a_server_that_hides_what_there_is(person: Person) -> None:
    person.network.server.before = saying(404)
    person.refused(2, "there is no such repository, or it is private")
    person.refused(2, "there is no such repository, or you cannot access it", **TOKEN)


# ssh and git://


@pytest.fixture(scope="module")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd") / "etc") as running:
        yield running


def test_ssh_from_add_to_sync(sandbox: Sandbox, publisher: Publisher, ssh_server: Sshd) -> None:
    publisher.release()
    sandbox.init()
    ssh_server.client(sandbox.home)
    path = {"PATH": f"{sandbox.home}/bin:/usr/bin:/bin"}
    url = ssh_server.url(publisher.server.root / "text-tools.git")
    sandbox.run("add", url, "--trust", publisher.key, "--accept-capabilities", env=path).ok()
    assert url in (sandbox.cwd / "tark.toml").read_text()
    shutil.rmtree(sandbox.store)
    shutil.rmtree(sandbox.plugins / "text-tools")
    sandbox.run("sync", env=path).ok()
    sandbox.run("verify").ok()
    ssh_server.client(sandbox.home, known=False)
    shutil.rmtree(sandbox.store)
    shutil.rmtree(sandbox.plugins / "text-tools")
    sandbox.run("sync", env=path).failed(5, "ssh does not know this host's key", "help: ssh -T -p ")


def test_git_daemon_from_add_to_sync(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    with git_daemon(publisher.server.root) as base:
        url = f"{base}/text-tools.git"
        sandbox.run("add", url, "--trust", publisher.key, "--accept-capabilities").ok()
        shutil.rmtree(sandbox.store)
        shutil.rmtree(sandbox.plugins / "text-tools")
        sandbox.run("sync").ok()
    sandbox.run("add", "git://git.example/x").failed(
        2, "git:// is neither encrypted nor authenticated", "help: use https://git.example/x"
    )


def _no_secret(person: Person, results: list[Result]) -> None:
    """No form of the secret in any output, nor in any file or name but those the person wrote by hand."""
    for result in results:
        for form in FORMS:
            assert form not in result.out + result.err, result
    own = {person.sandbox.home / name for name in (".netrc", ".gitconfig", "helper")}
    for root in (person.sandbox.home, person.sandbox.cwd):
        for path in root.rglob("*"):
            assert not any(form in str(path) for form in FORMS), path
            if path in own or path.is_symlink() or not path.is_file():
                continue
            data = path.read_bytes()
            assert not any(form.encode() in data for form in FORMS), path
