"""Arguments that are text, standard input or a file."""

import io
import sys
from pathlib import Path

import pytest

from tarkpm.cli.text_args import MAX_TEXT, read_json, read_prompt, read_text, target
from tarkpm.errors import TarkError, TooLarge


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Standard input, empty at first."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    return data


def typed(stdin: io.BytesIO, data: bytes) -> None:
    stdin.write(data)
    stdin.seek(0)


def test_a_text_is_itself(stdin: io.BytesIO, tmp_path: Path) -> None:
    typed(stdin, b"from a pipe\n")
    (tmp_path / "file").write_text("from a file\n")
    assert read_text("a", "x") == "a"
    assert read_text("", "x") == ""
    assert read_text("--", "x") == "--"
    assert read_text("-", "x") == "from a pipe\n"
    assert read_text(f"@{tmp_path}/file", "x") == "from a file\n"


def test_a_linked_file_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read_text(f"@{tmp_path}/link", "x") == "text"


@pytest.mark.parametrize("source", ["-", "@"])
def test_what_is_not_utf8_says_where(stdin: io.BytesIO, tmp_path: Path, source: str) -> None:
    typed(stdin, b"\xff")
    (tmp_path / "file").write_bytes(b"\xff")
    text = "-" if source == "-" else f"@{tmp_path}/file"
    with pytest.raises(TarkError, match="^the arguments are not UTF-8 text$") as caught:
        read_text(text, "the arguments are")
    assert caught.value.where == ("standard input" if source == "-" else f"{tmp_path}/file")


@pytest.mark.parametrize(("size", "fits"), [(MAX_TEXT, True), (MAX_TEXT + 1, False)])
def test_a_file_has_a_limit(tmp_path: Path, size: int, fits: bool) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    if fits:
        assert len(read_text(f"@{tmp_path}/file", "x")) == size
        return
    with pytest.raises(TooLarge):
        read_text(f"@{tmp_path}/file", "x")


def test_a_pipe_is_not_read_without_end(stdin: io.BytesIO) -> None:
    """A text that is too long is an error, and never cut: one byte beyond the limit tells."""
    typed(stdin, b"x" * MAX_TEXT)
    assert len(read_text("-", "x")) == MAX_TEXT
    typed(stdin, b"x" * (MAX_TEXT + 100))
    with pytest.raises(TooLarge, match="the input has more than 1,048,576 bytes") as caught:
        read_text("-", "x")
    assert caught.value.where == "standard input"
    assert sys.stdin.buffer.tell() == MAX_TEXT + 1


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TarkError, match="there is no such file"):
        read_text(f"@{tmp_path}/nowhere", "x")


# -- JSON


@pytest.mark.parametrize("data", [b"{", b"NaN", b"[" * 100_000, b'{"a": Infinity}', b""])
def test_a_file_that_is_not_json_says_where(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(TarkError, match="^the arguments are not JSON: ") as caught:
        read_json(f"@{tmp_path}/file", "the arguments are")
    assert caught.value.where == f"{tmp_path}/file"


def test_a_typed_text_is_checked_with_the_plugin(tmp_path: Path) -> None:
    """Its error then names the plugin, too; here it is only handed on."""
    assert read_json("{", "x") == "{"


# -- prompts


@pytest.mark.parametrize(
    ("data", "prompt"), [(b"  hello\nyou \n", "hello\nyou"), (b" \n", None), (b"", None)]
)
def test_a_prompt_from_a_pipe(stdin: io.BytesIO, data: bytes, prompt: str | None) -> None:
    typed(stdin, data)
    if prompt is not None:
        assert read_prompt("-") == prompt
        return
    with pytest.raises(TarkError, match="expected a prompt, found nothing"):
        read_prompt("-")


def test_a_prompt_may_begin_like_a_file() -> None:
    assert read_prompt("@ada, what is this?") == "@ada, what is this?"


# -- plugins


@pytest.mark.parametrize(
    ("text", "read"),
    [("Calc", "calc"), ("./Calc", "./Calc"), (".", "."), ("~/x y", "~/x y"), ("/abs", "/abs")],
)
def test_a_plugin_or_its_folder(text: str, read: str) -> None:
    assert target(text) == read


def test_what_is_neither_is_an_error() -> None:
    with pytest.raises(TarkError, match="letters and digits"):
        target("a b")
