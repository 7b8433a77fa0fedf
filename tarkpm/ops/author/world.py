"""The world of one test case: the real host calls on faked ground.

The implementations are those of a real run (`host/imports`), and so is the gate in front of them: a case
meets the same checks and refusals. What they stand on is the case's own: canned answers instead of the
network, temporary folders instead of the workspace, the home folder and the storage, one time, one seed, no
variable of the machine and no program of it.
"""

import contextlib
import random
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET

from tarkpm.core.asked import allows, asked
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.case import CannedAnswer, Case, split_request
from tarkpm.core.compared import difference, is_part
from tarkpm.core.home_path import HOME
from tarkpm.core.urls import parse as parse_url
from tarkpm.errors import CaseError, LimitReached, Unreachable
from tarkpm.host.image import PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.imports.clock import Clock
from tarkpm.host.imports.env import Env
from tarkpm.host.imports.filesystem import Filesystem
from tarkpm.host.imports.folders import PathError, WorkspaceFolder, split
from tarkpm.host.imports.fs import Fs
from tarkpm.host.imports.http import Http
from tarkpm.host.imports.random import MAX_BYTES
from tarkpm.host.imports.storage import Storage
from tarkpm.host.trace import TracedCall
from tarkpm.io.http import HttpClient, Response
from tarkpm.io.http_request import Headers

_MILLISECOND: Final = 1_000_000
FOREVER: Final = float("inf")


class World:
    """What one case gives a plugin, and what the plugin asked of it.

    ``unanswered`` are requests and programs that the case has no answer for, each as a sentence's end;
    ``missent`` are requests that were not sent as expected, with the lines of the difference.
    """

    def __init__(self, case: Case, granted: CapabilitySet, root: Path) -> None:
        """Create the world in ``root``, an empty folder. Raises `CaseError` for files that do not fit."""
        self.granted = granted
        self.calls: list[TracedCall] = []
        self.unanswered: list[str] = []
        self.missent: list[tuple[str, tuple[str, ...]]] = []
        self.data, self._workspace, self._home = (root / name for name in ("data", "workspace", "home"))
        self._case = case
        for folder in (self._workspace, self._home):
            folder.mkdir()
        for name, text in case.files.items():
            self._write(name, text)
        self._store(case.storage)

    def _store(self, values: Mapping[str, str]) -> None:
        storage = Storage(self.data, lambda _: None)
        try:
            for key, value in values.items():
                done = storage.call("set", (key, value), _soon())
                if "err" in done:
                    raise CaseError(done["err"], path=("storage", key))
        finally:
            storage.close()

    def _write(self, name: str, text: str) -> None:
        place = self.place(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8", newline="")
        except OSError as problem:
            raise CaseError(f"cannot be written: {problem.strerror}", path=("files", name)) from None

    def place(self, name: str) -> Path:
        """Return where a file of the case is. Raises `CaseError` for a path that leads elsewhere."""
        base = self._home if name.startswith(HOME) else self._workspace
        try:
            return base.joinpath(*split(name.removeprefix(HOME)))
        except PathError as problem:
            raise CaseError(str(problem), path=("files", name)) from None

    def interfaces(self, image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
        """Return what serves the host calls. An `Interfaces`."""
        granted, case = image.granted, self._case
        ticks = count()
        now = case.milliseconds * _MILLISECOND
        client = _CannedClient(case, self)
        return {
            "clock": Clock(lambda: now, lambda: next(ticks) * _MILLISECOND),
            "random": _Seeded(case.random),
            "env": Env(granted, case.env, report),
            "fs": Fs(granted, self._home, report),
            "filesystem": Filesystem(granted, WorkspaceFolder(self._workspace)),
            "http": Http(granted, report, denials=image.is_older, client=client),
            "shell": _CannedPrograms(case, self.unanswered.append),
        }

    def saw(self, call: TracedCall) -> None:
        """Keep a host call. A `Trace`."""
        self.calls.append(call)

    def denied(self) -> list[Capability]:
        """Return what the plugin asked for and was not granted, in its order, each once."""
        found = (asked(call.interface, call.function, call.args) for call in self.calls)
        return list(dict.fromkeys(one for one in found if one and not allows(self.granted, one)))

    def stored(self, key: str) -> str | None:
        """Return a value of the plugin's storage, None if there is none."""
        storage = Storage(self.data, lambda _: None)
        try:
            value: str | None = storage.call("get", (key,), _soon())
        finally:
            storage.close()
        return value


def _soon() -> float:
    return time.monotonic() + 10


class _CannedResponse(Response):
    """A canned answer in the shape of a response from the network."""

    def __init__(self, answer: CannedAnswer) -> None:
        self.status = answer.status
        self.headers = [(name.lower(), value) for name, value in answer.headers.items()]
        self._body = answer.text.encode()

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self._body


class _CannedClient(HttpClient):
    """A client that answers from a case. Several answers to one request come in turn; the last one stays."""

    def __init__(self, case: Case, world: World) -> None:
        super().__init__()
        self._world = world
        self._answers = {
            split_request(key): list(answer) if isinstance(answer, list) else [answer]
            for key, answer in case.http.items()
        }

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        deadline: float = FOREVER,  # noqa: ARG002  # it is there at once
    ) -> Iterator[Response]:
        """Yield the answer of the case. Raises `Unreachable`."""
        plain = parse_url(url).url
        answers = self._answers.get((method, plain)) or self._answers.get(("", plain))
        if not answers:
            self._world.unanswered.append(f"{method} {plain}")
            raise Unreachable(f"the case has no answer for {method} {plain}")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self._world.missent += _missent(f"{method} {plain}", answer, headers, body or b"")
        if answer.error:
            raise Unreachable(answer.error)
        yield _CannedResponse(answer)


def _missent(
    request: str, answer: CannedAnswer, headers: Headers, body: bytes
) -> Iterator[tuple[str, tuple[str, ...]]]:
    text = body.decode("utf-8", "replace")
    if answer.sent is not UNSET and not is_part(answer.sent, text):
        yield f"{request} was not sent with the expected body", difference(answer.sent, text)
    sent = {name.lower(): value for name, value in headers}
    for name, value in answer.sent_headers.items():
        if sent.get(name.lower()) != value:
            lines = difference(value, sent.get(name.lower(), ""))
            yield f"{request} was not sent with the expected header {name!r}", lines


class _CannedPrograms:
    """Programs that answer from a case."""

    def __init__(self, case: Case, missing: Callable[[str], None]) -> None:
        self._runs = {tuple(shlex.split(line)): run for line, run in case.shell.items()}
        self._missing = missing

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:  # noqa: ARG002  # see Interface
        """Return the JSON value of `run`."""
        argv, _, _, _ = args
        run = self._runs.get(tuple(argv))
        if run is None:
            self._missing(f"the program {shlex.join(argv)}")
            return {"err": f"the case has no answer for {shlex.join(argv)}"}
        return {"ok": {"exit-code": run.exit_code, "stdout": run.stdout, "stderr": run.stderr}}

    def close(self) -> None:
        """Do nothing; no resource is held."""


class _Seeded:
    """Randomness that is the same in each run of a case."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # a test must not be different each time

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> list[int] | int:  # noqa: ARG002
        """Return `bytes`, as a list of numbers, or `number`."""
        if function == "number":
            return self._random.getrandbits(64)
        (wanted,) = args
        if wanted > MAX_BYTES:
            raise LimitReached(f"asked for {wanted:,} random bytes at once, the limit is {MAX_BYTES:,}")
        return list(self._random.randbytes(wanted))

    def close(self) -> None:
        """Do nothing; no resource is held."""
