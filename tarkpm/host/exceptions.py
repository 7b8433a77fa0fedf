"""The exception that ended a plugin's call, read from what its language's runtime wrote to standard error.

A component has no other way to report one: the runtime prints it and traps. The text is the plugin's claim,
like any output: it is only quoted, and no decision depends on it.

- componentize-py 0.25: Python's own traceback, then a Rust panic of the runtime that says nothing about it.
- componentize-qjs 0.4: a Rust panic whose message is the exception in the notation of `std::fmt::Debug`.
- Rust: a panic, ``thread 'NAME' panicked at FILE:LINE:COLUMN:`` and the message.
"""

import re
from typing import Final, NamedTuple

from tarkpm.core.text import camel_case, neutral, quoted
from tarkpm.host.trace import masked_text

MAX_SUMMARY: Final = 500
MAX_TRACEBACK: Final = 8_000

_HEADER: Final = "Traceback (most recent call last):\n"
_CHAINED: Final = (
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
)
_MOUNT: Final = re.compile(r'^(\s{1,20}File ")/\d{1,3}/', re.MULTILINE)
"""Where componentize-py puts the author's folders, by number."""
_PANIC: Final = re.compile(
    r"^thread '[^'\n]{0,200}' (?:\(\d{1,20}\) )?panicked at ([^\n]{1,500}):\n", re.MULTILINE
)
_NOTE: Final = "note: run with `RUST_BACKTRACE"
_PYTHON_PANIC: Final = "Python function threw an unexpected exception"
# Possessive repetitions, so that a hostile text takes linear time.
_TEXT: Final = r'"((?:[^"\\]|\\.)*+)"'
_JS_EXCEPTION: Final = re.compile(
    rf"Exception\(Exception \{{ message: (?:None|Some\({_TEXT}\)), "
    rf"stack: (?:None|Some\({_TEXT}\))",
)
_JS_CLASS: Final = re.compile(r"([A-Za-z_$][\w$]{0,99})\n")
_JS_VALUE: Final = re.compile(
    rf"Failed to call '[^'\n]{{1,100}}': Value\((?:String\(Ok\({_TEXT}\)\)|([^\n]*+))"
)
_JS_MISSING: Final = re.compile(r"(interface|function) '([^'\n]{1,100})' not found: FromJs \{")
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class Raised(NamedTuple):
    """An exception in the plugin's words, neutralised and cut, secrets masked."""

    summary: str
    """One line, such as ``ValueError: bad text``."""
    traceback: str
    """Where it was raised, in lines; "" if the runtime did not say."""
    missing: str = ""
    """What the source should export and does not, as its language writes it: ``toolPlugin``."""


def raised(said: str) -> Raised | None:
    """Return the exception at the end of a trapped call's standard error, if there is one.

    >>> raised('Traceback (most recent call last):\\n  File "a.py", line 1\\nValueError: bad text\\n').summary
    'ValueError: bad text'
    """
    panics = list(_PANIC.finditer(said))
    if not panics:
        return _of_python(said)
    panic = panics[-1]
    message = said[panic.end() :].partition(_NOTE)[0].strip()
    if message == _PYTHON_PANIC:
        return _of_python(said[: panic.start()])
    return _of_javascript(message) or _made(message, f"panicked at {panic[1]}")


def _of_python(said: str) -> Raised | None:
    """Read the last traceback of Python, with those that it is chained to."""
    start = said.rfind(_HEADER)
    if start < 0:
        return None
    summary = _below_frames(said[start + len(_HEADER) :])
    while said[:start].endswith(_CHAINED):
        before = said.rfind(_HEADER, 0, start)
        if before < 0:
            break
        start = before
    return _made(summary, _MOUNT.sub(r"\1", said[start:])) if summary else None


def _below_frames(text: str) -> str:
    """Return a traceback's exception: its first line without an indent, and all below."""
    found = re.search(r"^\S", text, re.MULTILINE)
    return text[found.start() :] if found else ""


def _of_javascript(message: str) -> Raised | None:
    if found := _JS_EXCEPTION.search(message):
        text, stack = _unescaped(found[1] or ""), _unescaped(found[2] or "")
        # `tarkpm build` puts the class there, which QuickJS does not print (`toolchains.javascript`).
        if kind := _JS_CLASS.match(stack):
            text = f"{kind[1]}: {text}" if text else kind[1]
            stack = f"{text}\n{stack[kind.end() :]}"
        return _made(text, stack)
    if found := _JS_VALUE.match(message):
        return _made(found[2].removesuffix(")") if found[1] is None else _unescaped(found[1]), "")
    if found := _JS_MISSING.match(message):
        name = neutral(camel_case(found[2].rpartition("/")[2]))
        return Raised(f"the {found[1]} '{name}' is not exported", "", name)
    return None


def _unescaped(text: str) -> str:
    """Return the text of a string in Rust's notation."""

    def plain(found: re.Match[str]) -> str:
        if found[1]:
            code = int(found[1], 16)
            return chr(code) if code <= 0x10FFFF else "\ufffd"
        return _ESCAPED.get(found[2], found[2])

    return _ESCAPE.sub(plain, text)


def _made(summary: str, traceback: str) -> Raised:
    # Secrets first: a cut could leave half of one, which its name would no longer mark.
    line = quoted(masked_text(summary), MAX_SUMMARY)[1:-1] or "an exception without a message"
    text = masked_text(traceback).strip("\n")
    if len(text) > MAX_TRACEBACK:  # the frames next to the exception are at its end
        text = f"…\n{text[-MAX_TRACEBACK:]}"
    return Raised(line, neutral(text, keep="\n"))
