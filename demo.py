"""The main job, end to end, on this machine alone: ``python3 dev.py demo``.

A publisher signs a plugin and pushes it to a git server (dulwich, on loopback); a user adds it, syncs,
verifies, and calls its tool. Everything happens in a temporary folder with a HOME of its own.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from dulwich import porcelain
from dulwich.repo import Repo
from dulwich.server import DictBackend, UploadPackHandler
from dulwich.web import WSGIRequestHandlerLogger, WSGIServerLogger, make_server, make_wsgi_chain

PLUGIN = Path(__file__).resolve().parent / "plugins" / "text-tools"
TARKPM = Path(sys.executable).parent / "tarkpm"


def main() -> int:
    """Run the demonstration; returns 1 if any step fails."""
    with tempfile.TemporaryDirectory(prefix="tarkpm-demo-") as name:
        folder = Path(name)
        os.environ.update(
            HOME=name, XDG_STATE_HOME="", XDG_CACHE_HOME="", XDG_DATA_HOME="", XDG_CONFIG_HOME=""
        )
        say("A publisher signs a plugin and pushes it:")
        source = folder / "text-tools"
        shutil.copytree(PLUGIN, source)
        key = tarkpm("key generate --name release", folder).strip()
        tarkpm(f"sign {source} --key release", folder)
        with serve(commit(source)) as url:
            say("A user begins a project and adds the plugin, trusting the publisher's key:")
            app = folder / "app"
            app.mkdir()
            tarkpm("init --tark-version 0.12.6", app)
            tarkpm(f"add {url} --tag v1.0.0 --trust {key} --accept-capabilities", app)
            say("A colleague has tark.toml and tark.lock from version control, and nothing else:")
            clone = folder / "clone"
            clone.mkdir()
            for document in ("tark.toml", "tark.lock"):
                shutil.copy(app / document, clone)
            tarkpm("sync --accept-project", clone)
        say("The server is gone; everything that is installed can still be checked and run:")
        tarkpm("verify", clone)
        tarkpm("list", clone)
        answer = tarkpm('call text-tools text-stats \'{"text":"a b c"}\'', clone)
        if answer.strip() != '{"chars":5,"words":3,"lines":1}':
            print(f"unexpected answer: {answer}", file=sys.stderr)
            return 1
    return 0


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n# {text}", flush=True)


def tarkpm(arguments: str, folder: Path) -> str:
    """Show a command as a person would type it, run it, show what it prints; returns its standard output."""
    print(f"\n$ tarkpm {arguments}", flush=True)
    done = subprocess.run(
        [TARKPM, *shlex.split(arguments)], cwd=folder, check=False, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"tarkpm ended with exit status {done.returncode}")
    return done.stdout


def commit(folder: Path) -> Repo:
    """A git repository of ``folder`` with one commit and the tag v1.0.0."""
    repository = porcelain.init(folder)
    porcelain.add(repository, [str(path) for path in folder.iterdir() if path.name != ".git"])
    who = b"Publisher <publisher@example.com>"
    porcelain.commit(repository, message=b"text-tools 1.0.0", author=who, committer=who)
    porcelain.tag_create(repository, b"v1.0.0")
    return repository


class _Quiet(WSGIRequestHandlerLogger):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing: the demonstration shows what a user sees."""


class _Upload(UploadPackHandler):
    @classmethod
    def required_capabilities(cls) -> Iterable[bytes]:
        """Not thin packs: tarkpm asks for none, and git's own server does not insist either."""
        return (b"side-band-64k",)


@contextmanager
def serve(repository: Repo) -> Iterator[str]:
    """Serve a repository over smart HTTP on a free loopback port; yields its URL."""
    application = make_wsgi_chain(
        DictBackend({"/text-tools.git": repository}), handlers={b"git-upload-pack": _Upload}
    )
    server: WSGIServer = make_server(
        "127.0.0.1", 0, application, handler_class=_Quiet, server_class=WSGIServerLogger
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/text-tools.git"
    finally:
        server.shutdown()
        server.server_close()
        repository.close()


if __name__ == "__main__":
    sys.exit(main())
