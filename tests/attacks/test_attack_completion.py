"""A folder's name that is a command for a shell, completed at a person's prompt, in the real shells."""

import sys
from pathlib import Path

import pytest
from support.sandbox import Sandbox
from support.shells import Shell, shell

SHELLS = ("bash", "zsh", "fish")
EVIL = (
    "$(touch pwned)", "`touch pwned`", "x;touch pwned", "x&touch pwned", "x|touch pwned", "x>pwned",
    "'$(touch pwned)'", '"$(touch pwned)"', "x';touch pwned;'", 'x";touch pwned;"', "(touch pwned)",
    "<(touch pwned)", "${HOME}", "~root", "~", "=ls", "-n", "--help;touch pwned", "a b", "*", "?", "[a]",
    "{a,b}", "!x", "!!", "#x", "x#", "\\", "\\$(touch pwned)", "a\\nb", "a,b", "a:b", "a=b", "a\tb",
    "\x1b[2Jx", "$'\\x41'", "é$(touch pwned)", "%self", "^a^b", "(ls)(e:'touch pwned':)",
)  # fmt: skip

EVIL_GROUPS = [EVIL[start : start + 7] for start in range(0, len(EVIL), 7)]


def candidates(name: str, *values: str) -> str:
    """What tarkpm would answer the shell's script, if it offered these values."""
    if name == "zsh":
        return "".join(f"plain\n{value}\n_\n" for value in values)
    return "".join(f"plain,{value}\n" for value in values)


@pytest.fixture
def fake(sandbox: Sandbox) -> Sandbox:
    """A ``tarkpm`` that offers what stands in ``offer``, and keeps the arguments it is run with in ``got``."""
    (sandbox.root / "opt").mkdir()
    program = sandbox.root / "opt" / "tarkpm"
    program.write_text(
        f"#!/bin/sh\ncd {sandbox.root}\n"
        'if [ -n "$_TARKPM_COMPLETE" ]; then cat offer; : > completed; exit; fi\n'
        "printf '%s\\0' \"$@\" > got.new; mv got.new got\n"
    )
    program.chmod(0o755)
    return sandbox


def script_of(sandbox: Sandbox, name: str) -> Path:
    script = sandbox.root / f"script.{name}"
    script.write_text(sandbox.run("completions", name).ok().out)
    return script


def completed(sandbox: Sandbox, name: str, typed: str, *, env_path: str = "") -> list[str]:
    """The arguments tarkpm gets when a person types this and presses TAB and ENTER."""
    path = env_path or f"{sandbox.root}/opt:/usr/bin:/bin"
    with shell(name, script_of(sandbox, name), sandbox, path) as person:
        return pressed(person, sandbox, typed)


def pressed(person: Shell, sandbox: Sandbox, typed: str) -> list[str]:
    """The arguments tarkpm gets when the person at this shell types this and presses TAB and ENTER."""
    completed, got = (sandbox.root / mark for mark in ("completed", "got"))
    for mark in (completed, got):
        mark.unlink(missing_ok=True)
    person.type(typed + "\t")
    person.wait(completed.exists)
    person.type("\r")
    person.wait(got.exists)
    return got.read_text().split("\0")[:-1]


@pytest.mark.parametrize("values", EVIL_GROUPS, ids=str)
@pytest.mark.parametrize("name", SHELLS)
def test_what_is_inserted_is_one_argument_and_nothing_runs(
    fake: Sandbox, name: str, values: tuple[str, ...]
) -> None:
    """A shell completes several, one after another: to start one for each takes a minute and a half."""
    with shell(name, script_of(fake, name), fake, f"{fake.root}/opt:/usr/bin:/bin") as person:
        for value in values:
            (fake.root / "offer").write_text(candidates(name, value))
            offered = name != "fish" or not (value.startswith("~") or set(value) & {"\t", "\x1b"})
            got = pressed(person, fake, "tarkpm info ")
            assert got == (["info", value] if offered else ["info"]), value
            assert sorted(path.name for path in fake.cwd.iterdir()) == [], value


@pytest.mark.parametrize("opening", ['"', "'"])
@pytest.mark.parametrize("value", ["$(touch pwned)", "`touch pwned`", "x';touch pwned;'", 'x";touch pwned;"'])
@pytest.mark.parametrize("name", SHELLS)
def test_inside_quotes_that_the_person_opened(fake: Sandbox, name: str, value: str, opening: str) -> None:
    (fake.root / "offer").write_text(candidates(name, value))
    with shell(name, script_of(fake, name), fake, f"{fake.root}/opt:/usr/bin:/bin") as person:
        person.type(f"tarkpm info {opening}\t")
        person.wait((fake.root / "completed").exists)
        person.type(f"\r{opening}\r")  # if the quote is still open, the second line closes it
        person.wait(lambda: True)
    assert sorted(path.name for path in fake.cwd.iterdir()) == []


@pytest.mark.parametrize("typed", ["tarkpm --project ", "tarkpm --project p", "tarkpm info --project "])
@pytest.mark.parametrize("name", SHELLS)
def test_folders_that_the_shell_itself_completes(fake: Sandbox, name: str, typed: str) -> None:
    folder = "p$(touch pwned)"
    (fake.cwd / folder).mkdir()
    (fake.root / "offer").write_text("dir\n\n_\n" if name == "zsh" else "dir,\n")
    assert completed(fake, name, typed)[-1].rstrip("/") == folder
    assert [path.name for path in fake.cwd.iterdir()] == [folder]


@pytest.mark.parametrize("name", SHELLS)
def test_the_real_program_offers_names_of_plugins_only(sandbox: Sandbox, name: str) -> None:
    """A folder under plugins/ that cannot be a plugin is not offered."""
    sandbox.plugin(sandbox.cwd / "src" / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./src/mine", "--accept-capabilities").ok()
    for evil in ("m$(touch pwned)", "m;touch pwned", "-m", "m m", "M"):
        (sandbox.plugins / evil).mkdir()
    (sandbox.root / "opt").mkdir()
    program = sandbox.root / "opt" / "tarkpm"
    program.write_text(
        f'#!/bin/sh\nif [ -z "$_TARKPM_COMPLETE" ]; then printf "%s\\0" "$@" > {sandbox.root}/got; exit; fi\n'
        f'{sys.executable} -m tarkpm "$@"; : > {sandbox.root}/completed\n'
    )
    program.chmod(0o755)
    assert completed(sandbox, name, "tarkpm info ") == ["info", "mine"]
    assert not (sandbox.cwd / "pwned").exists()


@pytest.mark.parametrize("path", ["", ".", "bin"])
@pytest.mark.parametrize("name", SHELLS)
def test_the_key_does_not_run_a_tarkpm_of_the_current_folder(fake: Sandbox, name: str, path: str) -> None:
    """It is the one in an absolute entry that is asked."""
    planted = fake.cwd / path / "tarkpm"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"#!/bin/sh\n: > {fake.root}/ran\n")
    planted.chmod(0o755)
    (fake.root / "offer").write_text(candidates(name, "mine"))
    with shell(name, script_of(fake, name), fake, f"{path}:{fake.root}/opt:/usr/bin:/bin") as person:
        person.type("tarkpm info \t")
        person.wait((fake.root / "completed").exists)
    assert not (fake.root / "ran").exists()
