"""Values are decoded in several threads at once, also by the first command that decodes them."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tarkpm.core.document import decode_json
from tarkpm.core.shapes import from_json, from_value
from tarkpm.errors import IndexUntrusted

PACKAGE = Path(__file__).parents[2] / "tarkpm"
DECODERS = {"decode", "convert"}

TWO_THREADS = """
import sys, threading, time
import msgspec
from tarkpm.core.shapes import from_value

begun = threading.Event()

def slowly(shape):
    begun.set()
    time.sleep(0.2)
    return shape

class Inner(msgspec.Struct):
    number: "slowly(int)"

class Outer(msgspec.Struct):
    inner: Inner

def read():
    read = from_value({"inner": {"number": 1}}, Outer)
    sys.stdout.write(f"{read}\\n")  # in one piece: print writes the end of a line by itself

first = threading.Thread(target=read)
first.start()
begun.wait()
read()
first.join()
"""


def test_a_type_that_another_thread_meets_for_the_first_time() -> None:
    """msgspec alone ends such a process with SIGSEGV."""
    done = subprocess.run([sys.executable, "-c", TWO_THREADS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Outer(inner=Inner(number=1))\n" * 2


def test_nothing_decodes_a_type_by_another_way() -> None:
    found = {
        f"{file.relative_to(PACKAGE)}:{call.lineno}"
        for file in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(call, ast.Call) and _decodes_a_type(call)
    }
    assert {place.partition(":")[0] for place in found} == {"core/shapes.py"}, found


def _decodes_a_type(call: ast.Call) -> bool:
    is_typed = len(call.args) > 1 or any(word.arg == "type" for word in call.keywords)
    name = ast.unparse(call.func)
    return is_typed and name.startswith("msgspec.") and name.rpartition(".")[2] in DECODERS


class _Shape(msgspec.Struct):
    number: int = 0


@pytest.mark.parametrize(
    "data",
    [b'{"other": ' + b"[" * 100_000, b'"\xff"', b'{"number": "\xff"}', b"\xff", b"", b"[", b"9" * 9_999],
)
@pytest.mark.parametrize("shape", [_Shape, Any, dict[str, Any]])
def test_whatever_cannot_be_decoded_raises_one_kind_of_error(data: bytes, shape: type[Any]) -> None:
    """msgspec itself also raises `RecursionError` and `UnicodeDecodeError`."""
    with pytest.raises(msgspec.DecodeError):
        from_json(data, shape)


@pytest.mark.parametrize("text", [r'{"\ud800": 1}', r'{"number": 1, "a\udfffb": {}}'])
def test_a_key_with_half_of_a_surrogate_pair_is_no_field(text: str) -> None:
    """JSON can spell it (RFC 8259, section 8.2), Python reads it, and msgspec itself raises `UnicodeEncodeError`."""
    with pytest.raises(msgspec.ValidationError, match="a key is not Unicode"):
        from_value(json.loads(text), _Shape)
    with pytest.raises(IndexUntrusted, match="a key is not Unicode"):
        decode_json(text.encode(), _Shape, where="x", error=IndexUntrusted, limit=100)
