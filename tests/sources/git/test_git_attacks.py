"""Servers that lie, hang, drip, flood or lead elsewhere: each ends soon, with one sentence."""

import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.gitattack import (
    ADVERTISEMENT,
    RESULT,
    Hostile,
    commit,
    header,
    line,
    number,
    pack,
    packed,
    ref_delta,
    sideband,
    told,
    tree,
)
from support.gitserver import GitHandler, GitServer

from tarkpm.errors import TarkError
from tarkpm.sources.git import GitRemote, TransferLimits, parse
from tarkpm.sources.git.error_translation import PROXY_HINT
from tarkpm.sources.git.objects import object_id

PLUGIN = {"plugin.toml": b"[plugin]\n", "plugin.wasm": b"\0asm" * 100}
QUICK = TransferLimits(connect=2, stall=0.3, total=5)


def attack(tmp_path: Path, hook: Callable[[GitHandler], bool], limits: TransferLimits = QUICK) -> str:
    """What a person is told who wants plugin.wasm from this server; it must not take long."""
    with GitServer(tmp_path / "srv", before=hook) as server:
        start = time.monotonic()
        with GitRemote(parse(server.url("demo")), limits) as session, pytest.raises(TarkError) as caught:
            session.tree(session.resolve()).read(["plugin.wasm"])
        assert time.monotonic() - start < 3
        return told(caught.value, server)


def at(method: str, act: Callable[[GitHandler], object]) -> Callable[[GitHandler], bool]:
    """A hook for all GET requests, or all POST requests."""

    def hook(handler: GitHandler) -> bool:
        if handler.record.method != method:
            return False
        act(handler)
        return True

    return hook


def when(command: bytes, act: Callable[[GitHandler], object]) -> Callable[[GitHandler], bool]:
    """A hook for requests with this in their body."""

    def hook(handler: GitHandler) -> bool:
        if command not in handler.record.body:
            return False
        act(handler)
        return True

    return hook


def test_the_hostile_server_can_also_be_honest(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    with (
        GitServer(tmp_path / "srv", before=hostile) as server,
        GitRemote(parse(server.url("demo"))) as session,
    ):
        assert session.tree(session.resolve(branch="main")).read(list(PLUGIN)) == PLUGIN


# Time


def test_hang_before_the_answer(tmp_path: Path) -> None:
    assert attack(tmp_path, at("GET", lambda handler: handler.pause(60))) == (
        "Unreachable: nothing arrived for 0.3 seconds [http://SERVER/demo.git]"
    )


def hang_in_headers(handler: GitHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text")
    handler.pause(60)


def test_hang_in_the_headers(tmp_path: Path) -> None:
    assert attack(tmp_path, at("GET", hang_in_headers)) == (
        "Unreachable: nothing arrived for 0.3 seconds [http://SERVER/demo.git]"
    )


def drip_headers(handler: GitHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.pause(0.05):
        handler.wfile.write(b"x")


def test_drip_in_the_headers(tmp_path: Path) -> None:
    assert attack(tmp_path, at("GET", drip_headers), TransferLimits(stall=1, total=0.5)) == (
        "Unreachable: the transfer took longer than 0.5 seconds [http://SERVER/demo.git]"
    )


def hang_in_body(handler: GitHandler) -> None:
    handler.start(200, RESULT)
    handler.stream(line(b"packfile\n"))
    handler.pause(60)


def drip_in_body(handler: GitHandler) -> None:
    handler.start(200, RESULT)
    handler.stream(line(b"packfile\n"))
    while not handler.pause(0.05):
        handler.stream(sideband(b"Counting objects\r", 2))


@pytest.mark.parametrize(
    ("act", "limits", "sentence"),
    [
        (hang_in_body, QUICK, "nothing arrived for 0.3 seconds"),
        (drip_in_body, TransferLimits(stall=1, total=0.5), "the transfer took longer than 0.5 seconds"),
    ],
)
def test_slow_bodies(
    tmp_path: Path, act: Callable[[GitHandler], None], limits: TransferLimits, sentence: str
) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.on = when(b"command=fetch", act)
    assert attack(tmp_path, hostile, limits) == f"Unreachable: {sentence} [http://SERVER/demo.git]"


def test_a_port_nobody_listens_on() -> None:
    with GitRemote(parse("http://127.0.0.1:1/r")) as session, pytest.raises(TarkError) as caught:
        session.resolve()
    assert told(caught.value) == "Unreachable: cannot connect: connection refused [http://127.0.0.1:1/r]"


def test_a_host_that_does_not_exist() -> None:
    with GitRemote(parse("https://nobody.invalid/r")) as session, pytest.raises(TarkError) as caught:
        session.resolve()
    assert told(caught.value) == "Unreachable: the host name cannot be resolved [https://nobody.invalid/r]"


def test_https_to_a_server_without_it(tmp_path: Path) -> None:
    with GitServer(tmp_path / "srv") as server:
        url = parse(server.url("demo").replace("http:", "https:"))
        with GitRemote(url) as session, pytest.raises(TarkError) as caught:
            session.resolve()
    assert caught.value.code == "Unreachable"
    assert caught.value.message.startswith("no secure connection: ")


# Answers that are not git's


LOGIN = "the server requires authentication; tried netrc"


def html(handler: GitHandler) -> None:
    handler.reply(200, b"<html>sign in</html>", {"Content-Type": "text/html; charset=utf-8"})


def gzip_bomb(handler: GitHandler) -> None:
    right = ADVERTISEMENT if handler.record.method == "GET" else RESULT
    handler.start(200, {**right, "Content-Encoding": "gzip"})
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(50):
        handler.stream(stream.compress(bytes(1 << 20)))


def escapes(handler: GitHandler) -> None:
    handler.reply(200, b"", {"Content-Type": "text/\x1b[2Jx\x9b"})


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (html, "Garbled: expected a git server, found one that answers with 'text/html'"),
        (escapes, "Garbled: expected a git server, found one that answers with 'text/?[2jx?'"),
        (lambda h: h.reply(200, b"x"), "Garbled: expected a git server, found one that answers with ''"),
        (gzip_bomb, "Garbled: the response is encoded as 'gzip', which was not requested"),
        (lambda h: h.reply(404), "NotFound: there is no such repository, or it is private"),
        (lambda h: h.reply(410), "NotFound: there is no such repository, or it is private"),
        (lambda h: h.reply(401, b"", {"WWW-Authenticate": "Basic realm=x"}), f"Unreachable: {LOGIN}"),
        (lambda h: h.reply(401), f"Unreachable: {LOGIN}"),
        (
            lambda h: h.reply(401, b"", {"WWW-Authenticate": "Negotiate\x1b[2J x"}),
            "Unreachable: the server requires authentication of kind 'Negotiate?[2J', expected Basic",
        ),
        (lambda h: h.reply(403), "Unreachable: the server does not let anonymous users read this"),
        (lambda h: h.reply(407), "Unreachable: the proxy requires authentication"),
        (lambda h: h.reply(500, b"oops"), "Unreachable: the server failed with HTTP status 500"),
        (lambda h: h.reply(429), "Unreachable: the server limits the rate of requests (HTTP 429)"),
        (lambda h: h.reply(418), "Unreachable: the server answered with HTTP status 418"),
        (lambda h: h.reply(204), "Unreachable: the server answered with HTTP status 204"),
        (
            lambda h: h.wfile.write(b"SSH-2.0-x\r\n"),
            "Unreachable: the connection was closed before everything had arrived",
        ),
        (
            lambda h: h.connection.shutdown(2),
            "Unreachable: the connection was closed before everything had arrived",
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers_that_are_not_gits(
    tmp_path: Path, act: Callable[[GitHandler], object], sentence: str, method: str
) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.on = at(method, act)
    said, _, hint = attack(tmp_path, hostile).partition(" try: ")
    assert said == f"{sentence} [http://SERVER/demo.git]"
    waits = "wait a while, then run the command again"
    assert hint in ("", "export TARKPM_GIT_TOKEN_SERVER=TOKEN", PROXY_HINT, waits)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"zzzz",
        b"0000",
        b"-001",
        b"0003",
        b"fff0short",
        line(b"# service=git-upload-pack\n") + b"0000" + line(b"version 3\n") + b"0000",
        line(b"# service=git-receive-pack\n") + b"0000",
        line(b"# service=git-upload-pack\n") + b"0000" + line(b"nonsense") + b"0000",
        line(b"version 2\n") + line(b"fetch=\xff\n"),
    ],
)
def test_malformed_advertisements(tmp_path: Path, body: bytes) -> None:
    said = attack(tmp_path, at("GET", lambda handler: handler.reply(200, body, ADVERTISEMENT)))
    assert " [http://SERVER/demo.git]" in said
    assert said.startswith(("Garbled: ", "Unreachable: ", "NotFound: "))


@pytest.mark.parametrize("value", ["", "x" * 40, "1" * 39, "1" * 64, "HEAD", "\x1b[2J"])
def test_malformed_refs(tmp_path: Path, value: str) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.head = value
    said = attack(tmp_path, hostile)
    assert " [http://SERVER/demo.git]" in said
    assert said.startswith("Refused: " if value else "NotFound: ")
    assert "\x1b" not in said


def test_what_the_server_says_is_made_safe(tmp_path: Path) -> None:
    text = b"ERR \x1b]0;owned\x07\x1b[31mno\nentry \xe2\x80\xae" + b"x" * 500
    hostile = Hostile.serving(PLUGIN)
    hostile.on = at("POST", lambda handler: handler.reply(200, line(text), RESULT))
    said = attack(tmp_path, hostile)
    assert said.startswith("Refused: the server said '?]0;owned??[31mno entry ?xxx")
    assert said.endswith("…' [http://SERVER/demo.git]")
    assert len(said) < 300


def test_a_fatal_message_in_the_band(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.send = lambda handler, data: handler.reply(  # type: ignore[method-assign]
        200, line(b"packfile\n") + sideband(b"out of\x1b memory", 3) + b"0000", RESULT
    )
    assert attack(tmp_path, hostile) == ("Garbled: the fetch failed: out of? memory [http://SERVER/demo.git]")


# Redirects


def redirect(where: str, status: int = 302) -> Callable[[GitHandler], None]:
    return lambda handler: handler.reply(status, b"<html>moved</html>", {"Location": where})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_loop(tmp_path: Path, status: int) -> None:
    loop = at("GET", lambda handler: redirect(handler.path, status)(handler))
    assert attack(tmp_path, loop) == "Refused: more than 3 redirects [http://SERVER/demo.git]"


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (
            "http://example.com/r/info/refs?service=git-upload-pack",
            "redirected to 'http://example.com/r': http is neither encrypted nor authenticated",
        ),
        ("file:///etc/passwd", "redirected to 'file:///etc/passwd', which is not a git repository"),
        ("/login", "redirected to 'http://SERVER/login', which is not a git repository"),
        (
            "https://u:s3cret@h/x/info/refs?service=git-upload-pack",
            "redirected to '…@h/x': a URL with a user name or password is not accepted",
        ),
    ],
)
def test_redirects_that_are_not_followed(tmp_path: Path, where: str, sentence: str) -> None:
    assert attack(tmp_path, at("GET", redirect(where))) == f"Refused: {sentence} [http://SERVER/demo.git]"


def test_a_redirect_in_place_of_an_answer_to_post(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.on = at("POST", redirect("http://127.0.0.1:1/x"))
    assert attack(tmp_path, hostile) == (
        "Unreachable: the server answered with HTTP status 302 [http://SERVER/demo.git]"
    )


def test_redirects_are_followed_and_another_host_is_announced(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    with GitServer(tmp_path / "one") as one, GitServer(tmp_path / "two", before=hostile) as two:
        moved = {"/demo.git": f"{one.base}/here.git", "/here.git": two.url("there")}

        def move(handler: GitHandler) -> bool:
            path, _, rest = handler.path.partition("/info/")
            redirect(f"{moved[path]}/info/{rest}")(handler)
            return True

        one.before = move
        with GitRemote(parse(one.url("demo"))) as session:
            assert session.tree(session.resolve()).read(list(PLUGIN)) == PLUGIN
            assert session.notes == [f"{one.url('here')} redirects to {two.url('there')}"]
        assert len(one.requests) == 2
        assert [request.path.partition("?")[0] for request in two.requests] == [
            "/there.git/info/refs",
            *["/there.git/git-upload-pack"] * 3,
        ]


def test_a_redirect_within_a_host_keeps_the_connection(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    ports = set()

    def move(handler: GitHandler) -> bool:
        ports.add(handler.client_address[1])
        if handler.path.startswith("/demo/"):
            redirect(handler.path.replace("/demo/", "/demo.git/"))(handler)
            return True
        return False

    hostile.on = move
    with GitServer(tmp_path / "srv", before=hostile) as server:
        with GitRemote(parse(server.url("demo").removesuffix(".git"))) as session:
            assert session.tree(session.resolve()).read(list(PLUGIN)) == PLUGIN
            assert session.notes == []
        assert len(server.requests) == 5
        assert len(ports) == 1


def test_every_character_of_a_path_reaches_the_server_as_it_is(tmp_path: Path) -> None:
    path = "/~a;b=c,d+e!(f)'*&:/%20%C3%A9/r.git"
    with GitServer(tmp_path / "srv", before=Hostile.serving(PLUGIN)) as server:
        with GitRemote(parse(server.base + path)) as session:
            assert session.tree(session.resolve()).read(list(PLUGIN)) == PLUGIN
        assert {
            request.path.partition("/info")[0].partition("/git-upload")[0] for request in server.requests
        } == {path}


# Addresses other than the repository's


def test_packfile_uris_are_not_followed(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    uris = (
        line(b"packfile-uris\n") + line(b"https://169.254.169.254/latest sha1 " + b"1" * 40 + b"\n") + b"0001"
    )
    hostile.send = lambda handler, data: handler.reply(  # type: ignore[method-assign]
        200, uris + line(b"packfile\n") + sideband(data) + b"0000", RESULT
    )
    assert attack(tmp_path, hostile) == (
        "Refused: the server asks for a download from 'https://169.254.169.254/latest' [http://SERVER/demo.git]"
    )


# Packs


def serving(data: bytes) -> Hostile:
    """An honest server but for the pack it sends for the commit."""
    hostile = Hostile.serving(PLUGIN)
    hostile.answers = [data]
    return hostile


BASE = bytes(1000)
BASE_ID = object_id("blob", BASE)
COPY = bytes([0b10110000, 0xE8, 0x03])
ROOT = tree(("100644", "plugin.wasm", object_id("blob", PLUGIN["plugin.wasm"])))
TOP = commit(object_id("tree", ROOT))
BOMB = pack([header(3, 100) + zlib.compress(bytes(10_000_000))])
SMALL = TransferLimits(
    stall=1, total=5, pack=100_000, inflated=100_000, blob=50_000, objects=100, meta=50_000
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"this is no pack at all, not even a bit", "Garbled: expected a git pack, found something else"),
        (
            pack([packed("commit", TOP), packed("tree", ROOT)])[:-25],
            "Unreachable: the connection was closed before everything had arrived",
        ),
        (
            pack([packed("commit", TOP)], count=2),
            "Unreachable: the connection was closed before everything had arrived",
        ),
        (pack([packed("commit", TOP)])[:-1] + b"x", "Garbled: the pack does not have its checksum"),
        (pack([packed("commit", TOP)]) + b"PACK", "Garbled: the pack has data after its end"),
        (pack([], count=101), "TooLarge: the server announced 101 objects, the limit is 100"),
        (
            pack([packed("blob", b"", size=10**9)]),
            "TooLarge: the server sent an object of 1000000000 bytes, the limit is 100000 bytes",
        ),
        (BOMB, "Garbled: an object inflates to more than its size"),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 1000, 10**9, COPY * 9)]),
            "TooLarge: the server sent an object of 1000000000 bytes, the limit is 100000 bytes",
        ),
        (
            pack([packed("blob", BASE), *[ref_delta(BASE_ID, 1000, 60_000, COPY * 60)] * 2]),
            "TooLarge: the server sent objects of more than 100000 bytes once unpacked",
        ),
        (
            pack([packed("blob", bytes(n) + bytes(30_000)) for n in range(4)]),
            "TooLarge: the server sent objects of more than 100000 bytes once unpacked",
        ),
        (
            b"PACK"
            + bytes([0, 0, 0, 2, 0, 0, 0, 1])
            + header(3, 90_000)
            + zlib.compress(bytes(90_000), 0)
            + bytes(20_000),
            "TooLarge: the server sent more than 100000 bytes of objects",
        ),
        (
            pack([packed("blob", b"another object")]),
            f"Garbled: the server did not send object {Hostile.serving(PLUGIN).head}",
        ),
        (
            pack([packed("commit", commit("1" * 40))]),
            f"Garbled: the server did not send object {Hostile.serving(PLUGIN).head}",
        ),
        (pack([]), f"Garbled: the server did not send object {Hostile.serving(PLUGIN).head}"),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else "",
)
def test_hostile_packs_for_a_commit(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert attack(tmp_path, serving(data), SMALL) == f"{sentence} [http://SERVER/demo.git]"


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (
            pack([ref_delta("1" * 40, 1000, 1000, COPY)]),
            "Garbled: 1 objects are based on others that were not sent",
        ),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 1000, 1000, b"\0")]),
            "Garbled: the response cannot be parsed (ApplyDeltaError",
        ),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 999, 1000, COPY)]),
            "Garbled: the response cannot be parsed (ApplyDeltaError",
        ),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 1000, 999, COPY)]),
            "Garbled: the response cannot be parsed (ApplyDeltaError",
        ),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 1000, 1000, b"\xff" * 8)]),
            "Garbled: the response cannot be parsed (ApplyDeltaError",
        ),
        (
            pack([packed("blob", BASE), ref_delta(BASE_ID, 1000, 1000, COPY[:1])]),
            "Garbled: the response cannot be parsed (ApplyDeltaError",
        ),
        (
            pack([header(6, 2) + b"\x05" + zlib.compress(number(1) * 2)]),
            "Garbled: an object is based on another that was not sent",
        ),
    ],
)
def test_malformed_deltas(tmp_path: Path, data: bytes, names: str) -> None:
    said = attack(tmp_path, serving(data), SMALL)
    assert said.startswith(names)
    assert len(said) < 350


def test_a_wrong_file_is_not_taken_for_the_one_asked_for(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.answers[1] = pack([packed("blob", b"\0asm evil")])
    wanted = object_id("blob", PLUGIN["plugin.wasm"])
    assert (
        attack(tmp_path, hostile)
        == f"Garbled: the server did not send object {wanted} [http://SERVER/demo.git]"
    )


def test_a_file_over_the_limit_is_not_inflated(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.answers[1] = pack([packed("blob", bytes(50_001))])
    assert attack(tmp_path, hostile, SMALL) == (
        "TooLarge: the server sent an object of 50001 bytes, the limit is 50000 bytes [http://SERVER/demo.git]"
    )


def test_a_commit_that_is_none(tmp_path: Path) -> None:
    data = b"no commit"
    hostile = Hostile(object_id("commit", data), [pack([packed("commit", data)])])
    assert attack(tmp_path, hostile) == (
        f"Refused: commit {hostile.head} is malformed: no 'tree' in its first line [http://SERVER/demo.git]"
    )


def test_a_branch_that_is_a_file(tmp_path: Path) -> None:
    hostile = Hostile(object_id("blob", b"x"), [pack([packed("blob", b"x")])])
    assert attack(tmp_path, hostile) == (
        f"Refused: expected {hostile.head} to be a commit, found a blob [http://SERVER/demo.git]"
    )


def test_a_commit_without_its_trees(tmp_path: Path) -> None:
    hostile = Hostile(object_id("commit", TOP), [pack([packed("commit", TOP)])])
    assert attack(tmp_path, hostile) == (
        f"NotFound: the repository lacks the tree {object_id('tree', ROOT)} [http://SERVER/demo.git]"
    )


def test_duplicate_entries(tmp_path: Path) -> None:
    good, evil = PLUGIN["plugin.wasm"], b"\0asm evil"
    both = [("100644", "plugin.wasm", object_id("blob", data)) for data in (good, evil)]
    root = tree(*both)
    top = commit(object_id("tree", root))
    hostile = Hostile(object_id("commit", top), [pack([packed("commit", top), packed("tree", root)])])
    assert attack(tmp_path, hostile) == (
        "Refused: the folder is malformed: two entries named 'plugin.wasm' [http://SERVER/demo.git]"
    )


def test_sha256_repositories_are_named(tmp_path: Path) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.capabilities = hostile.capabilities.replace("sha1", "sha256")
    assert attack(tmp_path, hostile) == (
        "Refused: expected a repository of sha1 objects, found 'sha256' [http://SERVER/demo.git]"
    )


# Floods


def test_endless_progress(tmp_path: Path) -> None:
    def flood(handler: GitHandler) -> None:
        handler.start(200, RESULT)
        handler.stream(line(b"packfile\n"))
        while True:
            handler.stream(sideband(b"remote: x\n" * 100, 2))

    hostile = Hostile.serving(PLUGIN)
    hostile.on = when(b"command=fetch", flood)
    assert attack(tmp_path, hostile, SMALL) == (
        "TooLarge: the server sent more than 50000 bytes besides the requested objects [http://SERVER/demo.git]"
    )


def test_an_endless_list_of_refs(tmp_path: Path) -> None:
    def flood(handler: GitHandler) -> None:
        handler.start(200, RESULT)
        while True:
            handler.stream(b"".join(line(f"{n:040x} refs/heads/{n}\n".encode()) for n in range(100)))

    hostile = Hostile.serving(PLUGIN)
    hostile.on = when(b"command=ls-refs", flood)
    assert attack(tmp_path, hostile, SMALL) == (
        "TooLarge: the server sent more than 50000 bytes besides the requested objects [http://SERVER/demo.git]"
    )


def test_an_endless_advertisement(tmp_path: Path) -> None:
    def flood(handler: GitHandler) -> None:
        handler.start(200, ADVERTISEMENT)
        while True:
            handler.stream(line(b"x" * 1000))

    assert attack(tmp_path, at("GET", flood), SMALL) == (
        "TooLarge: the server sent more than 50000 bytes besides the requested objects [http://SERVER/demo.git]"
    )


def test_endless_headers(tmp_path: Path) -> None:
    def flood(handler: GitHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X: " + b"x" * 1000 + b"\r\n")

    assert attack(tmp_path, at("GET", flood)) == (
        "Unreachable: the connection was closed before everything had arrived [http://SERVER/demo.git]"
    )


# Ctrl-C

CHILD = """
import sys
from tarkpm.sources.git import GitRemote, parse
try:
    with GitRemote(parse(sys.argv[1])) as session:
        print("asking", flush=True)
        session.tree(session.resolve())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("act", [hang_in_headers, hang_in_body])
def test_ctrl_c_ends_a_hanging_session_at_once(tmp_path: Path, act: Callable[[GitHandler], None]) -> None:
    hostile = Hostile.serving(PLUGIN)
    hostile.on = when(b"command=fetch" if act is hang_in_body else b"", act)
    with GitServer(tmp_path / "srv", before=hostile) as server:
        argv = [sys.executable, "-W", "error", "-c", CHILD, server.url("demo")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            assert child.stdout.readline() == "asking\n"
            deadline = time.monotonic() + 5
            while len(server.requests) < (3 if act is hang_in_body else 1) and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.1)
            start = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.stdout.read() == "interrupted\n"
            assert child.stderr.read() == ""
            assert time.monotonic() - start < 10
