"""Every row of the table of hostile git servers, through the whole program.

Each ends within its deadline, with the exit status that says whose fault it is and one sentence; nothing is
installed or kept, and the process stays small: its real peak, under the limits people have.
"""

import functools
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    tree,
)
from support.gitserver import GitHandler, GitRepo, GitServer
from support.measured import MIB, Run, run_measured
from support.sandbox import Sandbox

from attacks.tampering import unchanged
from tarkpm.sources.git.objects import object_id

Hook = Callable[[GitHandler], bool]
PLUGIN = {"plugin.toml": b"[plugin]\n", "plugin.wasm": b"\0asm" * 100}
BIG = 60 * MIB
HOSTILE_PEAK = 400 * MIB


@functools.cache
def zeros() -> bytes:
    """A large object of zeros, compressed."""
    return zlib.compress(bytes(BIG), 9)


def many_folders() -> bytes:
    """A tree with more entries than any plugin has."""
    return b"".join(b"40000 %07x\0" % n + bytes(20) for n in range(2_000_000 // 3))


def huge_licences() -> dict[str, bytes]:
    """More files than fit."""
    return {f"LICENSE-{n}": bytes([n]) + bytes(BIG) for n in range(7)}


@dataclass(frozen=True)
class Row:
    """A hostile server, what it must come to, and the limits that make it come to it sooner."""

    hook: Hook
    status: int
    text: str
    limits: dict[str, float] = field(default_factory=dict)


def instead(act: Callable[[GitHandler], object], *, of: str = "POST", command: bytes = b"") -> Hook:
    """A server that serves a plugin as it should, but for one kind of request."""
    hostile = Hostile.serving(PLUGIN)

    def on(handler: GitHandler) -> bool:
        if handler.record.method != of or command not in handler.record.body:
            return False
        act(handler)
        return True

    hostile.on = on
    return hostile


def sending(*packs: bytes) -> Hook:
    """A server whose fetches are answered with these packs."""
    hostile = Hostile.serving(PLUGIN)
    hostile.answers = list(packs)
    return hostile


def holding(root: bytes, *blobs: bytes) -> Hook:
    """A server of one commit with this tree."""
    top = commit(object_id("tree", root))
    first = pack([packed("commit", top), packed("tree", root)])
    return Hostile(object_id("commit", top), [first, pack([packed("blob", blob) for blob in blobs])])


def streaming(first: bytes, piece: bytes, headers: dict[str, str] = RESULT) -> Callable[[GitHandler], None]:
    """An answer without end."""

    def act(handler: GitHandler) -> None:
        handler.start(200, headers)
        handler.stream(first)
        while True:
            handler.stream(piece)

    return act


def gzip_bomb(handler: GitHandler) -> None:
    handler.start(200, {**RESULT, "Content-Encoding": "gzip"})
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(2000):
        handler.stream(stream.compress(bytes(1 << 20)))


def hang(handler: GitHandler) -> None:
    handler.pause(120)


def hang_in_headers(handler: GitHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    handler.pause(120)


def drip_headers(handler: GitHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.pause(0.05):
        handler.wfile.write(b"x")


def hang_in_body(handler: GitHandler) -> None:
    handler.start(200, RESULT)
    handler.stream(line(b"packfile\n"))
    handler.pause(120)


def drip_body(handler: GitHandler) -> None:
    handler.start(200, RESULT)
    handler.stream(line(b"packfile\n"))
    while not handler.pause(0.05):
        handler.stream(sideband(b"x", 2))


def ofs_delta(back: int, base_size: int, result_size: int, operations: bytes) -> bytes:
    """A delta against the object that begins ``back`` bytes before it."""
    delta = number(base_size) + number(result_size) + operations
    out, back = [back & 0x7F], back >> 7
    while back:
        back -= 1
        out.append(back & 0x7F | 0x80)
        back >>= 7
    return header(6, len(delta)) + bytes(reversed(out)) + zlib.compress(delta)


def copies(size: int) -> bytes:
    """Delta operations that copy ``size`` bytes from the start of the base, 64 KiB at a time."""
    at, out = 0, bytearray()
    while at < size:
        step = min(0xFFFF, size - at)
        out += bytes([0b10111111]) + at.to_bytes(4, "little") + step.to_bytes(2, "little")
        at += step
    return bytes(out)


def delta_chain(length: int) -> bytes:
    """Deltas one on the other, each of which makes 60 MiB: all of them within the limits."""
    objects, last = [header(3, BIG) + zeros()], len(header(3, BIG) + zeros())
    for _ in range(length):
        objects.append(ofs_delta(last, BIG, BIG, copies(BIG)))
        last = len(objects[-1])
    return pack(objects)


def delta_fan(width: int) -> bytes:
    """As many deltas on one base."""
    base = object_id("blob", bytes(BIG))
    return pack([header(3, BIG) + zeros(), *[ref_delta(base, BIG, BIG, copies(BIG))] * width])


def one_object(size: int, data: bytes) -> bytes:
    return b"PACK" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + header(3, size) + data


def tiny(count: int) -> bytes:
    """Very many very small objects."""
    return pack([packed("blob", b"")] * count)


def refs(handler: GitHandler) -> None:
    """Refs without end, as protocol 0 lists them."""
    handler.start(200, ADVERTISEMENT)
    handler.stream(line(b"# service=git-upload-pack\n") + b"0000")
    first = b"\0multi_ack side-band-64k shallow agent=git/2"
    batch = 0
    while True:
        batch += 1
        handler.stream(
            b"".join(
                line(b"1" * 40 + b" refs/heads/%d-%d" % (batch, n) + (first if not (n or batch > 1) else b""))
                for n in range(500)
            )
        )


def uris(handler: GitHandler) -> None:
    elsewhere = b"https://127.0.0.1:1/evil.pack sha1 %s\n" % (b"1" * 40)
    answer = line(b"packfile-uris\n") + line(elsewhere) + line(b"packfile\n") + sideband(pack([])) + b"0000"
    handler.reply(200, answer, RESULT)


def fatal(handler: GitHandler) -> None:
    handler.reply(200, line(b"packfile\n") + sideband(b"\x1b[2J\x1b]0;owned\x07\xe2\x80\xaeoops", 3), RESULT)


def redirect(location: str) -> Callable[[GitHandler], None]:
    return lambda handler: handler.reply(302, b"", {"Location": location})


ROUND = "/{}.git/info/refs?service=git-upload-pack"
TREE = "100644", "plugin.toml", object_id("blob", PLUGIN["plugin.toml"])
WASM = "100644", "plugin.wasm", object_id("blob", PLUGIN["plugin.wasm"])
QUICK: dict[str, float] = {"connect": 2, "stall": 1, "total": 20}

ROWS: dict[str, Callable[[], Row]] = {
    # what a tree may hold
    "two entries of one name": lambda: Row(
        holding(tree(TREE, ("100644", "plugin.wasm", "1" * 40), WASM), *PLUGIN.values()),
        2,
        "the folder is malformed: two entries named 'plugin.wasm'",
    ),
    "a link for a module": lambda: Row(
        holding(tree(TREE, ("120000", *WASM[1:])), *PLUGIN.values()),
        2,
        "expected a file or folder, found a symbolic link",
    ),
    "a submodule for a module": lambda: Row(
        holding(tree(TREE, ("160000", *WASM[1:])), *PLUGIN.values()),
        2,
        "expected a file or folder, found a submodule",
    ),
    "a huge folder": lambda: Row(holding(many_folders()), 2, "the listing of the folder has more than 4 MiB"),
    "many huge licences": lambda: Row(
        Hostile.serving(huge_licences() | PLUGIN), 2, "the files have more than 96 MiB in total"
    ),
    # sizes
    "a zlib bomb": lambda: Row(
        sending(one_object(1000, zlib.compress(bytes(300 * MIB)))),
        5,
        "an object inflates to more than its size",
    ),
    "a zlib bomb that says so": lambda: Row(
        sending(one_object(2 << 30, zlib.compress(bytes(MIB)))), 2, "the limit is 1024 MiB"
    ),
    "a chain of deltas": lambda: Row(
        sending(delta_chain(15)), 5, "the server did not send object", {"total": 200}
    ),
    "a fan of deltas": lambda: Row(
        sending(delta_fan(15)), 5, "the server did not send object", {"total": 200}
    ),
    "too many deltas": lambda: Row(
        sending(delta_fan(30)), 2, "sent objects of more than 1024 MiB once unpacked"
    ),
    "a delta that promises terabytes": lambda: Row(
        sending(pack([packed("blob", b"x"), ref_delta(object_id("blob", b"x"), 1, 1 << 33, b"\1x")])),
        2,
        "the limit is 1024 MiB",
    ),
    "a gzip bomb": lambda: Row(
        instead(gzip_bomb), 5, "the response is encoded as 'gzip', which was not requested"
    ),
    # without end
    "300,000 tiny objects": lambda: Row(
        sending(tiny(300_000)), 2, "announced 300000 objects, the limit is 100000"
    ),
    "100,000 tiny objects": lambda: Row(
        sending(tiny(99_000)), 5, "the server did not send object", {"total": 200}
    ),
    "a pack without end": lambda: Row(
        instead(
            streaming(
                line(b"packfile\n") + sideband(b"PACK" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + header(3, 1000)),
                sideband(b"\0\0\0\xff\xff" * 13000),
            ),
            command=b"command=fetch",
        ),
        5,
        "the objects are damaged",
    ),
    "an object without end": lambda: Row(
        instead(
            streaming(
                line(b"packfile\n")
                + sideband(b"PACK" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + header(3, 1000) + b"\x78\x01"),
                # empty blocks: a stream that goes on for ever and holds nothing
                sideband(b"\0\0\0\xff\xff" * 13000),
            ),
            command=b"command=fetch",
        ),
        2,
        "sent more than 256 MiB of objects",
        {"total": 200},
    ),
    "progress without end": lambda: Row(
        instead(streaming(line(b"packfile\n"), sideband(b"Counting objects\r" * 1000, 2)), command=b"=fetch"),
        2,
        "sent more than 16 MiB besides the requested objects",
    ),
    "refs without end": lambda: Row(
        instead(refs, of="GET"), 2, "sent more than 16 MiB besides the requested objects", {"total": 200}
    ),
    "headers without end": lambda: Row(
        instead(lambda h: [h.wfile.write(b"X: " + b"x" * 1000 + b"\r\n") for _ in range(500_000)], of="GET"),
        5,
        "the connection was closed before everything had arrived",
    ),
    # time
    "silence": lambda: Row(instead(hang, of="GET"), 5, "nothing arrived for 1 seconds", QUICK),
    "silence in the headers": lambda: Row(
        instead(hang_in_headers, of="GET"), 5, "nothing arrived for 1 seconds", QUICK
    ),
    "silence in the body": lambda: Row(
        instead(hang_in_body, command=b"=fetch"), 5, "nothing arrived for 1 seconds", QUICK
    ),
    "a drip of headers": lambda: Row(
        instead(drip_headers, of="GET"),
        5,
        "the transfer took longer than 1 seconds",
        QUICK | {"total": 1, "stall": 5},
    ),
    "a drip in the body": lambda: Row(
        instead(drip_body, command=b"=fetch"),
        5,
        "the transfer took longer than 2 seconds",
        QUICK | {"total": 2, "stall": 5},
    ),
    # what is not what it says
    "a pack that breaks off": lambda: Row(
        sending(pack([packed("commit", b"x" * 1000)])[:-30]), 5, "the connection was closed before"
    ),
    "a wrong checksum": lambda: Row(
        sending(pack([packed("commit", b"x" * 1000)])[:-1] + b"!"), 5, "the pack does not have its checksum"
    ),
    "no pack": lambda: Row(sending(b"<html>" * 100), 5, "expected a git pack, found something else"),
    "another object": lambda: Row(sending(pack([packed("blob", b"x")])), 5, "the server did not send object"),
    "a missing object": lambda: Row(sending(pack([])), 5, "the server did not send object"),
    "a web page": lambda: Row(
        instead(lambda h: h.reply(200, b"<html>", {"Content-Type": "text/html"}), of="GET"),
        5,
        "expected a git server, found one that answers with 'text/html'",
    ),
    # elsewhere
    "a redirect to plain http": lambda: Row(
        instead(redirect("http://git.example" + ROUND.format("x")), of="GET"), 2, "http is neither encrypted"
    ),
    "a redirect to a file": lambda: Row(
        instead(redirect("file:///etc" + ROUND.format("x")), of="GET"),
        2,
        "redirected from http to 'file:///etc/x",
    ),
    "a redirect to ssh": lambda: Row(
        instead(redirect("ssh://git.example" + ROUND.format("x")), of="GET"),
        2,
        "redirected from http to 'ssh://",
    ),
    "a redirect for ever": lambda: Row(
        instead(redirect(ROUND.format("demo")), of="GET"), 2, "more than 3 redirects"
    ),
    "packfile-uris": lambda: Row(
        instead(uris, command=b"=fetch"),
        2,
        "the server asks for a download from 'https://127.0.0.1:1/evil.pack'",
    ),
    "terminal escapes": lambda: Row(instead(fatal, command=b"=fetch"), 5, "?[2J?]0;owned"),
}


@pytest.fixture
def victim(sandbox: Sandbox) -> Sandbox:
    sandbox.init()
    return sandbox


def _nothing_came_of_it(victim: Sandbox, run: Run, status: int, text: str) -> None:
    assert run.status == status, run
    assert text in run.err, run
    assert "Traceback" not in run.err
    assert "unexpected" not in run.err
    assert "\x1b" not in run.err
    assert not list(victim.plugins.glob("*"))
    assert not [path for path in victim.store.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize(
    "name",
    [pytest.param(row, marks=pytest.mark.slow) if row == "a fan of deltas" else row for row in ROWS],
)
def test_a_hostile_server(victim: Sandbox, tmp_path: Path, name: str) -> None:
    row = ROWS[name]()
    with GitServer(tmp_path / "srv", before=row.hook) as server, unchanged(victim):
        run = run_measured(victim, "add", server.url("demo"), "--allow-unsigned", "x", limits=row.limits)
    _nothing_came_of_it(victim, run, row.status, row.text)
    assert run.seconds < row.limits.get("total", 120) + 30
    assert run.peak < HOSTILE_PEAK, run.peak / MIB


@pytest.mark.parametrize("kind", ["link", "folder", "submodule", "lfs"])
def test_a_real_repository_of_what_is_no_file(victim: Sandbox, tmp_path: Path, kind: str) -> None:
    repo = GitRepo(tmp_path / "repo")
    place = victim.plugin(repo.folder / "tool")
    (place / "plugin.wasm").unlink()
    texts = {
        "link": "expected a file or folder, found a symbolic link",
        "folder": "expected a file or folder, found a symbolic link",
        "submodule": "expected a file or folder, found a submodule",
        "lfs": "expected a file, found a Git LFS pointer",
    }
    match kind:
        case "link":
            repo.symlink("tool/plugin.wasm", "/etc/passwd")
        case "folder":
            shutil.move(place, repo.folder / "real")
            repo.write("real/plugin.wasm", PLUGIN["plugin.wasm"])
            repo.symlink("tool", "real")
        case "submodule":
            repo.gitlink("tool/plugin.wasm")
        case "lfs":
            repo.write("tool/plugin.wasm", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    repo.git("add", "--all")
    if kind == "submodule":
        repo.gitlink("tool/plugin.wasm")
    repo.commit("x")
    with GitServer(tmp_path / "srv") as server:
        repo.publish(server.root, "demo")
        with unchanged(victim):
            run = run_measured(
                victim, "add", server.url("demo"), "--path", "tool", "--allow-unsigned", "text-tools"
            )
    _nothing_came_of_it(victim, run, 2, texts[kind])


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ext::sh -c touch% owned", "a URL with a space or an invisible character is not accepted"),
        ("ext::sh", "expected a URL such as https://host/owner/repository"),
        ("svn://git.example/x", "unknown scheme 'svn'"),
        ("C:\\repo", "expected a URL such as https://host/owner/repository"),
        ("foo:bar", "this project has no index 'foo'"),
        ("ssh://-oProxyCommand=touch owned/x", "a URL with a space or an invisible character"),
        ("ssh://-oProxyCommand=touch/x", "expected a host name in plain ASCII, or an IP address"),
        ("git@-oProxyCommand=touch:x", "expected a URL such as https://host/owner/repository"),
        ("-oProxyCommand=touch@git.example:x", "no such option"),
        ("git://git.example/x", "git:// is neither encrypted nor authenticated"),
    ],
)
def test_what_is_no_address(victim: Sandbox, url: str, text: str) -> None:
    """The user's own typing, and a tark.toml from elsewhere."""
    with unchanged(victim):
        _nothing_came_of_it(victim, run_measured(victim, "add", url), 2, text)
    assert not (victim.cwd / "owned").exists()


@pytest.mark.parametrize("value", ['{ git = "file:///etc" }', '{ path = "/etc" }', '"file:///etc"'])
def test_a_dependency_names_no_place(victim: Sandbox, tmp_path: Path, value: str) -> None:
    repo = GitRepo(tmp_path / "repo")
    victim.plugin(repo.folder, extra=f"[dependencies]\nother = {value}")
    repo.git("add", "--all")
    repo.commit("x")
    with GitServer(tmp_path / "srv") as server:
        repo.publish(server.root, "demo")
        with unchanged(victim):
            run = run_measured(victim, "add", server.url("demo"), "--allow-unsigned", "text-tools")
    assert run.status == 2
    assert ": plugin.toml: dependencies" in run.err
    assert not list(victim.plugins.glob("*"))


@pytest.fixture
def honest(tmp_path: Path, sandbox: Sandbox) -> Iterator[GitServer]:
    sandbox.init()
    with GitServer(tmp_path / "srv") as server:
        yield server


@pytest.mark.parametrize("allow_filter", [True, False])
def test_an_honest_server_takes_little(sandbox: Sandbox, honest: GitServer, allow_filter: bool) -> None:
    """Twenty folders, one of them with a large module, beside 30 MB that nobody asked for."""
    repo = GitRepo(sandbox.root / "repo")
    for n in range(20):
        sandbox.plugin(repo.folder / f"tool-{n}", name=f"tool-{n}")
    repo.write("video.bin", bytes(30 * MIB))
    repo.git("add", "--all")
    repo.commit("x")
    repo.publish(honest.root, "demo", allow_filter=allow_filter)
    url = honest.url("demo")
    run = run_measured(
        sandbox, "add", url, "--path", "tool-3", "--allow-unsigned", "tool-3", "--accept-capabilities", "-y"
    )
    assert run.status == 0, run
    assert run.peak < 120 * MIB, run.peak / MIB
