"""shell: what a program gets, what it does not, and that nothing is left of it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tarkpm.host.imports.folders import WorkspaceFolder
from tarkpm.host.imports.shell import Shell

linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are followed on Linux only")
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "GITHUB_TOKEN": "secret",
    "LD_PRELOAD": "/nowhere.so",
}
LATE = {"err": "ran longer than 0.4 s and was killed"}

Run = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "sub").mkdir(parents=True)
    return root


@pytest.fixture
def run(root: Path) -> Iterator[Run]:
    """Run a program as a plugin does; nothing of it may be left when the test ends."""
    before = children()
    shell = Shell(WorkspaceFolder(root), ENVIRONMENT)

    def run(
        *argv: str,
        stdin: str | None = None,
        cwd: str | None = None,
        ms: int | None = None,
        within: float = 10.0,
    ) -> Any:
        return shell.call("run", (list(argv), stdin, cwd, ms), time.monotonic() + within)

    yield run
    shell.close()
    assert children() <= before


def children() -> set[str]:
    """The process ids of this process's children, zombies included; other tests' helpers live on."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def left(marker: str) -> list[str]:
    """The command lines of running processes with this in them."""
    listed = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if marker in line and " Z" not in line]


def done(stdout: str = "", stderr: str = "", code: int = 0) -> dict[str, Any]:
    return {"ok": {"exit-code": code, "stdout": stdout, "stderr": stderr}}


def test_output_and_exit_codes(run: Run) -> None:
    assert run("sh", "-c", "echo out; echo err >&2") == done("out\n", "err\n")
    for code in (0, 1, 127, 255):
        assert run("sh", "-c", f"exit {code}") == done(code=code)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE])
def test_signals(run: Run, number: int) -> None:
    assert run("sh", "-c", f"kill -{int(number)} $$") == done(code=128 + number)


def test_arguments_are_not_expanded(run: Run, root: Path) -> None:
    arguments = ["$HOME", "*", "a b", "`id`", "; exit 1", "", "--", "\n", "ü", "'\""]
    (root / "file").write_text("")
    assert run("printf", "%s|", *arguments) == done("".join(f"{argument}|" for argument in arguments))


def test_the_environment_is_four_variables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")  # tarkpm's own
    listed = run("env")["ok"]["stdout"].splitlines()
    assert sorted(line.partition("=")[0] for line in listed) == ["HOME", "LANG", "PATH", "TERM"]
    assert "HOME=/home/me" in listed


@pytest.mark.parametrize("path", [".:{path}", ":{path}", "sub:{path}", "{path}:."])
def test_the_workspace_names_no_programs(root: Path, path: str) -> None:
    for place in (root / "tool", root / "sub" / "tool"):
        place.write_text("#!/bin/sh\necho evil\n")
        place.chmod(0o755)
    shell = Shell(WorkspaceFolder(root), {"PATH": path.format(path=os.environ["PATH"])})
    later = time.monotonic() + 5
    assert shell.call("run", (["tool"], None, None, None), later) == {
        "err": "cannot be run: No such file or directory"
    }
    assert shell.call("run", (["./tool"], None, None, None), later) == done("evil\n")  # by its path it may


@pytest.mark.parametrize("path", ["", ".", ":"])
def test_without_a_path_there_is_the_usual_one(root: Path, path: str) -> None:
    shell = Shell(WorkspaceFolder(root), {"PATH": path})
    answer = shell.call("run", (["sh", "-c", "echo $PATH"], None, None, None), time.monotonic() + 5)
    assert answer == done("/usr/local/bin:/usr/bin:/bin\n")


def test_standard_input(run: Run) -> None:
    assert run("cat") == done()  # empty, and at its end
    assert run("cat", stdin="grüße") == done("grüße")
    assert run("cat", stdin="") == done()
    big = "x" * (1 << 20)
    assert run("cat", stdin=big) == done(big)
    assert run("true", stdin=big) == done()  # who does not read it need not
    assert run("cat", stdin=big + "x") == {"err": "the input is larger than 1 MiB"}
    assert run("cat", stdin="\ud800") == {"err": "the text is not valid Unicode"}


def test_working_directory(run: Run, root: Path) -> None:
    assert run("pwd") == run("pwd", cwd=".") == done(f"{root}\n")
    assert run("pwd", cwd="sub") == run("pwd", cwd="./sub/") == done(f"{root}/sub\n")


@pytest.mark.parametrize(
    ("cwd", "sentence"),
    [
        ("..", "a path with an empty part, '.' or '..' is not accepted"),
        ("sub/../..", "a path with an empty part, '.' or '..' is not accepted"),
        ("", "a path with an empty part, '.' or '..' is not accepted"),
        ("/", "expected a path relative to the workspace, with '/' between its parts"),
        ("/tmp", "expected a path relative to the workspace, with '/' between its parts"),
        ("link", "'link' is a link, and links are not followed"),
        ("link/etc", "'link' is a link, and links are not followed"),
        (".git", "plugins may not use this file or folder"),
        ("none", "cannot be run: No such file or directory"),
        ("file", "cannot be run: Not a directory"),
    ],
)
def test_working_directories_that_are_not_inside(run: Run, root: Path, cwd: str, sentence: str) -> None:
    (root / "link").symlink_to("/")
    (root / ".git").mkdir()
    (root / "file").write_text("")
    assert run("pwd", cwd=cwd) == {"err": sentence}


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "expected a program and its arguments, found none"),
        ([""], "expected a program and its arguments, found none"),
        (["echo", "a\0b"], "an argument must not contain a NUL"),
        (["ec\0ho"], "an argument must not contain a NUL"),
        (["echo"] * 1001, "the limits are 1,000 arguments and 128 KiB"),
        (["echo", "x" * (128 << 10)], "the limits are 1,000 arguments and 128 KiB"),
        (["echo", "\ud800"], "the text is not valid Unicode"),
        (["no-such-program"], "cannot be run: No such file or directory"),
        (["./sub"], "cannot be run: Permission denied"),
        (["./plain"], "cannot be run: Permission denied"),
        (["./garbage"], "cannot be run: Exec format error"),
    ],
)
def test_what_cannot_be_run(run: Run, root: Path, argv: list[str], sentence: str) -> None:
    (root / "plain").write_text("#!/bin/sh\n")
    (root / "garbage").write_text("no program")
    (root / "garbage").chmod(0o755)
    assert run(*argv) == {"err": sentence}


def test_output_that_is_not_text(run: Run) -> None:
    assert run("printf", "a\\377b")["ok"]["stdout"] == "a\ufffdb"


@pytest.mark.parametrize("where", ["output", "error"])
def test_too_much_output(run: Run, where: str) -> None:
    redirect = ">&2" if where == "error" else ""
    at_most = run("sh", "-c", f"head -c 1048576 /dev/zero {redirect}")
    assert len(at_most["ok"]["stdout" if where == "output" else "stderr"]) == 1 << 20
    sentence = f"wrote more than 1 MiB to standard {where} and was killed"
    started = time.monotonic()
    assert run("sh", "-c", f"yes flood-{os.getpid()} {redirect}") == {"err": sentence}
    assert time.monotonic() - started < 5
    assert left(f"flood-{os.getpid()}") == []


def test_much_on_both(run: Run) -> None:
    answer = run("sh", "-c", "head -c 500000 /dev/zero & head -c 500000 /dev/zero >&2; wait")["ok"]
    assert (len(answer["stdout"]), len(answer["stderr"])) == (500_000, 500_000)


def test_time(run: Run) -> None:
    started = time.monotonic()
    assert run("sleep", "60", ms=400) == LATE
    assert run("sleep", "60", within=0.65)["err"].startswith("ran longer than 0.")  # the call's own deadline
    assert run("sleep", "60", ms=60_000, within=0.65)["err"].startswith("ran longer than 0.")
    assert run("true", within=0.1) == run("true", ms=0) == {"err": "no time is left to run it"}
    assert time.monotonic() - started < 5


IGNORES = "trap '' TERM HUP INT; sleep {n} & sleep {n} & wait"
ESCAPES = {
    "deaf": IGNORES,
    "background": "sleep {n} & sleep {n} & sleep {n}",
    "nohup": "nohup sleep {n} >/dev/null 2>&1 & sleep {n}",
    "pipe": "sleep {n} | sleep {n}",
    "stopped": "sleep {n} & kill -STOP $!; kill -STOP $$; sleep {n}",
}
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid() if {again} else None
        os.execvp("sleep", ["sleep", "{n}"])
    os._exit(0)
os.wait()
time.sleep({stay})
"""


@pytest.mark.parametrize("script", ESCAPES.values(), ids=ESCAPES)
def test_children_end_with_it(run: Run, script: str) -> None:
    number = str(100_000 + os.getpid() + time.monotonic_ns() % 1000)
    started = time.monotonic()
    assert run("sh", "-c", script.format(n=number), ms=400) == LATE
    assert time.monotonic() - started < 4
    assert left(f"sleep {number}") == []


@linux
@pytest.mark.parametrize("again", [True, False])
def test_a_daemon_ends_with_it(run: Run, again: bool) -> None:
    """Forked twice, in a session of its own: no group of the program's has it."""
    number = str(200_000 + os.getpid() + time.monotonic_ns() % 1000)
    assert run(sys.executable, "-c", DAEMON.format(n=number, stay=60, again=again), ms=400) == LATE
    assert left(f"sleep {number}") == []


@linux
def test_nothing_goes_on_after_a_program_that_ends_well(run: Run) -> None:
    number = str(300_000 + os.getpid())
    started = time.monotonic()
    assert run("sh", "-c", f"sleep {number} & echo started") == done("started\n")
    assert run(sys.executable, "-c", DAEMON.format(n=number, stay=0, again=True)) == done()
    assert time.monotonic() - started < 5  # and the pipes they held are not waited for
    assert left(f"sleep {number}") == []


@linux
def test_a_program_that_keeps_forking(run: Run) -> None:
    number = str(400_000 + os.getpid())
    bomb = f"i=0; while [ $i -lt 150 ]; do setsid sleep {number} & i=$((i+1)); done; sleep {number}"
    assert run("sh", "-c", bomb, ms=400) == LATE
    assert left(f"sleep {number}") == []


def test_a_program_that_signals_its_group(run: Run) -> None:
    assert run("sh", "-c", "trap '' TERM; kill -TERM 0; echo alive") == done("alive\n")
    assert run("sh", "-c", "kill -KILL 0") == done(code=137)


def test_a_program_that_kills_its_supervisor(run: Run) -> None:
    number = str(500_000 + os.getpid())
    started = time.monotonic()
    assert run("sh", "-c", f"kill -KILL $PPID; exec sleep {number}") == {"err": "its supervisor was killed"}
    assert time.monotonic() - started < 4
    for line in left(f"sleep {number}"):  # the price: it is not followed any more
        os.kill(int(line.split()[0]), signal.SIGKILL)


def test_a_tarkpm_that_is_killed_takes_it_along(root: Path) -> None:
    number = str(600_000 + os.getpid())
    program = f"""
        import time
        from pathlib import Path
        from tarkpm.host.imports.folders import WorkspaceFolder
        from tarkpm.host.imports.shell import Shell
        argv = ["sh", "-c", "sleep {number} & sleep {number}"]
        Shell(WorkspaceFolder(Path({str(root)!r})), {{}}).call("run", (argv, None, None, None), time.monotonic() + 60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)]) as host:
        until = time.monotonic() + 10
        while len(left(f"sleep {number}")) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert left(f"sleep {number}") != []
        host.kill()
    until = time.monotonic() + 5
    while left(f"sleep {number}") and time.monotonic() < until:
        time.sleep(0.05)
    assert left(f"sleep {number}") == []


def test_no_file_of_ours_is_open_in_it(run: Run, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        listing = "import os; print(sorted(fd for fd in range(256) if os.path.exists(f'/dev/fd/{fd}')))"
        assert run(sys.executable, "-I", "-S", "-c", listing) == done("[0, 1, 2]\n")
    finally:
        os.close(descriptor)


def test_it_has_a_session_of_its_own_and_no_terminal(run: Run) -> None:
    show = "import os; print(os.getpid() == os.getpgid(0), os.getsid(0)); open('/dev/tty')"
    answer = run(sys.executable, "-I", "-S", "-c", show)["ok"]
    own_group, session = answer["stdout"].split()
    assert (own_group, answer["exit-code"]) == ("True", 1)
    assert int(session) != os.getsid(0)


def test_its_signals_are_as_usual(run: Run) -> None:
    show = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert run(sys.executable, "-I", "-S", "-c", show) == done("True\n")
    assert run("sh", "-c", "yes | head -n 1")["ok"]["stdout"].startswith("y\n")


def test_no_core_is_left(run: Run, root: Path) -> None:
    assert run("sh", "-c", "ulimit -c")["ok"]["stdout"] == "0\n"


def test_several_at_once(run: Run) -> None:
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append((n, run("sh", "-c", f"sleep 0.2; echo {n}"))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(n, done(f"{n}\n")) for n in range(6)]


def test_nothing_is_left_open(run: Run) -> None:
    run("true")
    before = len(os.listdir("/dev/fd"))
    for argv in (["true"], ["no-such"], ["sleep", "9"], ["yes"]):
        run(*argv, stdin="x", ms=200)
    assert len(os.listdir("/dev/fd")) <= before
