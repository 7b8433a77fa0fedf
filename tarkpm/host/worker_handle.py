"""The parent's handle on one plugin: its worker process, its gate, and the exchange between them.

The parent enforces the deadlines. Whatever a worker does, an exchange ends at its deadline with a value or
one typed error. After anything but a well-formed answer the process is killed; the next call starts another.
"""

import threading
import time
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar

from tarkpm.errors import HostError, ModuleInvalid, PluginRaised
from tarkpm.host import failures
from tarkpm.host.gate import Gate
from tarkpm.host.image import Interfaces, PluginImage, Used
from tarkpm.host.imports import Interface
from tarkpm.host.imports.clock import Clock
from tarkpm.host.imports.log import Log, LogSink
from tarkpm.host.imports.random import Random
from tarkpm.host.imports.storage import Storage
from tarkpm.host.ipc import frames
from tarkpm.host.ipc.conversation import Conversation, Reported, until
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.limits import Limits, size
from tarkpm.host.module.fit import check_module
from tarkpm.host.process import Start, start
from tarkpm.host.trace import Trace
from tarkpm.host.worker.settings import BIG_MODULE

if TYPE_CHECKING:
    from tarkpm.host.compile.cache import CompileCache

__all__ = ["PluginImage", "Worker", "check_image"]

_T = TypeVar("_T")

COUNT_SECONDS = 60.0
"""How often a plugin that runs long says what it used: what was not said is lost if tarkpm is killed."""
MARGIN = 0.25
"""Seconds by which the guest's deadline is earlier than the parent's.

An endless loop then ends inside the guest, and the worker process need not be killed.
"""


class Worker:
    """One plugin, loaded in at most one process. Calls from several threads take turns."""

    def __init__(
        self,
        image: PluginImage,
        limits: Limits,
        sink: LogSink | None,
        *,
        interfaces: Interfaces | None = None,
        trace: Trace | None = None,
        start: Start = start,
        cache: "CompileCache | None" = None,
        used: Used | None = None,
    ) -> None:
        """Create a handle. No process is started yet.

        ``used`` is called now and then with what the plugin used. ``start`` starts its processes. Without a
        ``cache`` the worker compiles its module itself.
        """
        self.image = image
        self.last_used = time.monotonic()
        self._limits = limits
        self._lock = threading.Lock()
        self._log = Log(image.name, sink, limits)
        self._served = _served(image, self._log, interfaces)
        self.gate = Gate(
            image.granted,
            self._served,
            self._log.note,
            calls=limits.host_calls,
            plugin=image.name,
            tell=trace,
            older=image.is_older,
        )
        self._start = start
        self._cache = cache
        self._used = used
        self._counted: float | None = None
        self._checked = False
        self._schemas = image.type == "tool" and _may_have_schemas(image.wasm)
        self._conversation: Conversation | None = None
        self._retired = False

    @property
    def pid(self) -> int | None:
        """Return the id of the process that holds the plugin, if there is one."""
        conversation = self._conversation
        return None if conversation is None else conversation.process.pid

    def load(self) -> None:
        """Start a process and load the plugin into it, unless it is loaded.

        Raises `ModuleInvalid` for a module that does not fit its type, `LimitReached`, `PluginCrashed`.
        """
        with self._lock:
            try:
                self._load()
            finally:
                self._end_if_retired()

    def call(self, function: str, args: list[Any], answer: type[_T], deadline: float | None = None) -> _T:
        """Call an exported function. Returns its result, decoded as an ``answer``.

        ``deadline`` is on the clock of `time.monotonic`; the default is `Limits.seconds` from now. Loading
        the plugin has its own deadline. Raises `LimitReached`, `PluginCrashed`, `PluginFailed`,
        `ModuleInvalid`, and `HostError` for arguments that do not match a tool's schema.
        """
        with self._lock:
            try:
                return self._call(function, args, answer, deadline)
            except _Unready:  # the guess was wrong: its tools have schemas
                # The guess is corrected for good: a second restart cannot happen.
                self._schemas = True
                return self._call(function, args, answer, deadline)
            finally:
                self.last_used = time.monotonic()
                if self._counted is None:
                    self._counted = self.last_used
                elif self.last_used - self._counted > COUNT_SECONDS:
                    self._count()
                self._end_if_retired()

    def _count(self) -> None:
        """Tell what was used since the last time, if the plugin was called at all."""
        if self._used is not None and self._counted is not None:
            self._used(self.image, self.gate.take_used())
            self._counted = time.monotonic()

    def _call(self, function: str, args: list[Any], answer: type[_T], deadline: float | None) -> _T:
        conversation = self._load()
        end = until(self._limits.seconds) if deadline is None else deadline
        self.gate.begin()
        self._log.begin()
        left = max(0.0, end - time.monotonic())
        seconds = left - min(MARGIN, left / 10)
        raised = False
        try:
            return self._guarded(lambda: conversation.call(function, args, seconds, answer, end), function)
        except PluginRaised:
            raised = True
            raise
        finally:
            self._log.finish(raised=raised)

    def retire(self) -> None:
        """Close a worker that its pool has let go. A process that starts later ends with its call.

        A thread may have taken the worker from the pool before, and call it only now.
        """
        self._retired = True
        self.close()

    def _end_if_retired(self) -> None:
        if self._retired:
            self._let_go()

    def close(self) -> None:
        """End the process and close all files. The worker can be used again afterwards.

        A call that runs in another thread ends at once, with `PluginCrashed`.
        """
        conversation = self._conversation
        if conversation is not None:  # before the lock, which a running call holds until it ends
            conversation.process.hang_up()
        with self._lock:
            self._let_go()

    def rest(self, unused_since: float) -> None:
        """End the process if it was last used before ``unused_since`` and is not in use."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._conversation is not None and self.last_used < unused_since:
                self._let_go()
        finally:
            self._lock.release()

    def _let_go(self) -> None:
        self._kill()
        self._count()
        for interface in self._served.values():
            interface.close()

    def _load(self) -> Conversation:
        if self._conversation is not None:
            if not self._conversation.process.ended:
                return self._conversation
            self._kill()  # it ended between calls, so no answer was lost: start another one
        try:
            return self._reload()
        except ModuleInvalid as problem:
            problem.hint = problem.hint or (
                f"tarkpm inspect {quote(self.image.file)}" if self.image.file else ""
            )
            raise

    def _reload(self) -> Conversation:
        if not self._checked:
            check_image(self.image)
            self._checked = True
        self._conversation = conversation = Conversation(
            self._start(schemas=self._schemas), self._limits, self.gate, self._log.printed
        )
        self._guarded(lambda: self._hand_over(conversation))
        self.last_used = time.monotonic()
        return conversation

    def _hand_over(self, conversation: Conversation) -> None:
        """Send the plugin to the process, which starts while the code is looked up or compiled."""
        if self._cache is None:
            end = until(self._limits.load_seconds)
            conversation.load(self.image, None, schemas=self._schemas, deadline=end)
            return
        with self._cache.get(self.image, self._limits, self._start) as code:
            end = until(self._limits.load_seconds)
            conversation.load(self.image, code, schemas=self._schemas, deadline=end)

    def _guarded(self, exchange: Callable[[], _T], function: str = "") -> _T:
        """Run an exchange. After a failure, kill the process unless it can be used again; raise one error."""
        try:
            return exchange()
        except Reported as reported:
            if reported.fail.kind not in failures.SPARED:
                self._kill()
            if reported.fail.kind == "unready" and not self._schemas:
                raise _Unready from None
            if reported.fail.kind not in frames.HARMLESS:
                self._forget()
            error = failures.explained(reported.fail, self._limits, self._log.said)
        except TimeoutError:  # the guest's own deadline is earlier, so the worker itself hangs
            self._kill()
            error = failures.too_long(function, self._limits)
        except EOFError:
            error = failures.post_mortem(*self._kill(), self._limits)
        except (ProtocolError, frames.FrameError) as problem:
            self._kill()
            error = failures.nonsense(problem)
        except HostError as problem:  # the gate's, or the compiler's
            self._kill()
            error = problem
        except BaseException:  # Ctrl-C or a bug: the worker may wait for an answer that never comes
            self._kill()
            raise
        error.where = error.where or self.image.name
        raise error

    def _forget(self) -> None:
        """Close the plugin's sockets: the instance that held their handles is gone."""
        sockets = self._served.get("ws")
        if sockets is not None:
            sockets.close()

    def _kill(self) -> tuple[str, str]:
        conversation, self._conversation = self._conversation, None
        self._forget()
        return conversation.process.kill() if conversation is not None else ("is gone", "")


class _Unready(Exception):
    """The worker must be started again, ready to check tool arguments."""


def check_image(image: PluginImage) -> None:
    """Check a module's size and names before a process is started for it. Raises `ModuleInvalid`."""
    if len(image.wasm) > frames.MAX_MODULE:
        limit = size(frames.MAX_MODULE)
        raise ModuleInvalid(
            f"the module is {len(image.wasm):,} bytes long, the limit is {limit}", where=image.name
        )
    # The types of an installed module were compared before it was installed. A working copy's are compared
    # now: the worker compares them, too, but only after it compiled the module, which can take seconds.
    check_module(image.wasm, image.type, where=image.name, types=not image.sha256)


def _may_have_schemas(wasm: bytes) -> bool:
    """Guess whether a tool plugin has schemas.

    A worker imports the validator before it confines itself, which takes 10 ms. A wrong "no" costs a restart.
    """
    if len(wasm) >= BIG_MODULE:  # an interpreter: its plugin builds the JSON at run time
        return True
    return any(word in wasm for word in (b'"type"', b'"properties"', b'"required"', b'"$schema"'))


def _served(image: PluginImage, log: Log, interfaces: Interfaces | None) -> dict[str, Interface]:
    given = {} if interfaces is None else interfaces(image, log.note)
    storage = Storage(image.data, log.note)
    # The log comes last: it is the one interface that a caller cannot replace.
    return {"storage": storage, "clock": Clock(), "random": Random(), **given, "log": log}
