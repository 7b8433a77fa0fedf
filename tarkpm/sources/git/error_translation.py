"""Translate other libraries' exceptions into tarkpm's, and make remote text safe to show."""

import contextlib
import unicodedata
import zlib
from collections.abc import Iterator

from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import Garbled, Refused, SourceError, TarkError, TooLarge, Unreachable
from tarkpm.io.proxies import LOOK
from tarkpm.sources.git.limits import TransferBudget

PROXY_HINT = "export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
_BYTES = lazy_pattern(r"\bb(?=['\"])")
"""The ``b`` of a Python bytes literal, which dulwich's own messages show."""
CLOSED = "the connection was closed before everything had arrived"


class AccessDenied(Refused):
    """The server refuses this request but may accept another: the caller falls back."""

    @property
    def code(self) -> str:
        """The code outside of this package, where there is no fallback left: that of `Refused`."""
        return Refused.__name__


def clean(text: str | bytes, limit: int = 200) -> str:
    """Make remote text safe to show: one printable line, no terminal or bidi controls, cut at ``limit``."""
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "replace")
    text = " ".join(text[: limit * 4].split())
    safe = "".join("?" if unicodedata.category(char)[0] == "C" else char for char in text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


@contextlib.contextmanager
def translated(budget: TransferBudget) -> Iterator[None]:
    """Run a block of foreign code. Any exception leaves it as a `SourceError` with a location.

    Ctrl-C and the interpreter's own exits pass through. A Rust panic, which dulwich's extensions raise on
    unexpected input, is not an `Exception` and is recognized by its name.
    """
    try:
        yield
    except TarkError:
        # The shutdown of a socket looks like a hangup. If the time is over, that is the cause to report.
        budget.check()
        raise
    except Exception as problem:
        raise translate(problem, budget) from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise translate(problem, budget) from problem


def translate(problem: BaseException, budget: TransferBudget) -> SourceError:
    """Return the `SourceError` for ``problem``. If the time is over, that is reported as the cause."""
    try:
        budget.check()
    except Unreachable as late:
        return late
    return (
        _network(problem, budget)
        or _protocol(problem, budget)
        or Garbled(f"the response cannot be parsed ({_named(problem)})", where=budget.where)
    )


def _network(problem: BaseException, budget: TransferBudget) -> SourceError | None:
    import socket
    import ssl

    import urllib3.exceptions as http

    limits, hint = budget.limits, ""
    # Subclasses come before their bases: urllib3's and Python's errors overlap.
    match problem:
        case http.ProxyError():
            text, hint = _proxy(problem, budget.proxy)
        case http.NameResolutionError() | socket.gaierror():
            text = "the host name cannot be resolved"
        case http.NewConnectionError():  # a subclass of ConnectTimeoutError, so it is matched first
            text = f"cannot connect: {_cause(problem)}"
        case http.ConnectTimeoutError():
            text = f"no connection within {limits.connect:g} seconds"
        case http.ReadTimeoutError() | TimeoutError():
            text = f"nothing arrived for {limits.stall:g} seconds"
        case http.SSLError() | ssl.SSLError():
            text = f"no secure connection: {_cause(problem)}"
        case http.ProtocolError() | ConnectionResetError() | BrokenPipeError() | EOFError():
            text = CLOSED
        case ConnectionError():
            text = f"cannot connect: {_cause(problem)}"
        case OSError():
            text = f"the repository cannot be read: {_cause(problem)}"
        case _:
            return None
    return Unreachable(text, where=budget.where, hint=hint)


def _proxy(problem: BaseException, proxy: str) -> tuple[str, str]:
    """Return message and hint for a proxy that is unreachable or refuses the tunnel."""
    cause = _cause(problem)
    if cause.startswith("tunnel connection failed: 407"):
        return "the proxy requires authentication", PROXY_HINT
    return f"the proxy {proxy} cannot connect: {cause}", LOOK


def _protocol(problem: BaseException, budget: TransferBudget) -> SourceError | None:
    from dulwich.errors import GitProtocolError, HangupException
    from dulwich.refs import SymrefLoop

    match problem:
        case SymrefLoop():
            return Garbled("a symbolic ref leads back to itself", where=budget.where)
        case HangupException():
            return Unreachable(CLOSED, where=budget.where)
        case GitProtocolError():  # the base class of HangupException
            # Mostly the server's own words, from the error channel of its answer (gitprotocol-pack(5)).
            text = _BYTES.sub("", clean(str(problem)))
            text = text.rstrip("?")  # dulwich replaces a control character at the end of a line
            return Garbled(f"the fetch failed: {text}", where=budget.where)
        case MemoryError():
            return TooLarge("the response does not fit in memory", where=budget.where)
        case zlib.error():
            return Garbled("the objects are damaged, or larger than allowed", where=budget.where)
    return None


def _cause(problem: BaseException) -> str:
    """Return the reason at the bottom of a chain of exceptions, in the system's words if it has some."""
    import ssl

    # urllib3 chains what it wraps, or keeps it as an argument.
    while isinstance(inner := problem.__cause__ or next(iter(problem.args), None), BaseException):
        problem = inner
    if isinstance(problem, ssl.SSLCertVerificationError):
        return clean(problem.verify_message)
    return clean((problem.strerror if isinstance(problem, OSError) else "") or str(problem)).lower()


def _named(problem: BaseException) -> str:
    text = clean(str(problem))
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
