"""``tarkpm dev``: a saved file is built, called, tested and checked at once."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.sandbox import Sandbox

from tarkpm.ops.dev import changes


def test_a_save_is_one_change_however_many_steps_it_takes(tmp_path: Path) -> None:
    def edit(step: int) -> None:
        if step == 1:
            (tmp_path / "plugin.c").write_text("a")
        if step == 2:
            (tmp_path / "plugin.c").write_text("longer")
            (tmp_path / "more.h").write_text("")
        if step == 5:
            (tmp_path / "tests").mkdir()
            (tmp_path / "tests" / "case.toml").write_text("")
            for unseen in ("plugin.wasm", ".plugin.c.swp"):
                (tmp_path / unseen).write_text("")
        if step == 8:
            (tmp_path / "more.h").unlink()
            (tmp_path / "plugin.toml").write_text("[[[")

    (tmp_path / "plugin.toml").write_text("")
    steps = iter(range(100))
    found = changes(tmp_path, sleep=lambda _: edit(next(steps)))
    assert [next(found) for _ in range(4)] == [
        (), ("more.h", "plugin.c"), ("tests/case.toml",), ("more.h", "plugin.toml"),
    ]  # fmt: skip


def test_from_a_saved_file_to_its_answer(sandbox: Sandbox) -> None:
    sandbox.run("new", "words", "--lang", "c").ok()
    folder = sandbox.cwd / "words"
    source = folder / "plugin.c"
    command = [sys.executable, "-m", "tarkpm", "dev", ".", "words", '{"text":"two words"}', "--json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=sandbox.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            _edit_and_read(program, source)
        finally:
            program.kill()  # does nothing to one that has ended; a failure must not wait for it


def _edit_and_read(program: "subprocess.Popen[str]", source: Path) -> None:
    assert program.stdout
    assert program.stderr
    first = json.loads(program.stdout.readline())
    assert (first["changed"], first["error"]) == ([], None)
    assert (first["build"]["built"], first["output"]) == (True, '{"words":2,"characters":9}')
    assert (first["test"]["passed"], first["check"]["name"]) == (1, "words")
    good = source.read_text()
    source.write_text(good.replace("uint64_t words = 0", "uint64_t words = 2"))
    second = json.loads(program.stdout.readline())
    assert (second["changed"], second["output"]) == (["plugin.c"], '{"words":4,"characters":9}')
    assert second["test"]["failed"] == 1
    source.write_text(good.replace("words += ", "wards += "))
    third = json.loads(program.stdout.readline())
    assert (third["build"], third["error"]["code"]) == (None, "BuildError")
    assert "use of undeclared identifier 'wards'" in "".join(third["error"]["output"])
    source.write_text(good.replace("words += ", "if (text.len == 9) __builtin_trap();\n        words += "))
    fourth = json.loads(program.stdout.readline())
    assert (fourth["output"], fourth["error"]["code"]) == (None, "PluginCrashed")
    assert (fourth["test"]["failed"], fourth["check"]["name"]) == (0, "words")
    program.send_signal(signal.SIGINT)
    assert program.wait(10) == 0
    assert "Traceback" not in program.stderr.read()


@pytest.mark.parametrize("arguments", [("dev",), ("dev", "nowhere")])
def test_a_folder_without_a_plugin(sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    sandbox.run(*arguments).failed(2, "there is no plugin.toml", "help: tarkpm new my-plugin --lang c")
