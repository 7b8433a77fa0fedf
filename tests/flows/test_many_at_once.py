"""Several tarkpm at once, and what a person meets who interrupts one."""

import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import Publisher
from support.sandbox import Sandbox
from support.terminal import Terminal

from tarkpm.core import lockfile


def test_commands_at_the_same_time_all_succeed(sandbox: Sandbox) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        sandbox.plugin(sandbox.cwd / "src" / name, name=name)
    sandbox.init()
    adds = [
        sandbox.begin("add", f"./src/{name}", "--accept-capabilities", env={"TARKPM_LOCK_TIMEOUT": "60"})
        for name in names
    ]
    readers = [sandbox.begin("list"), sandbox.begin("verify")]
    for end in adds:
        end().ok()
    for end in readers:
        assert "Traceback" not in end().err
    lock = lockfile.parse((sandbox.cwd / "tark.lock").read_bytes())
    assert [entry.name for entry in lock.entries] == names
    sandbox.run("verify").ok()


def test_a_busy_environment_is_exit_6_and_names_the_holder(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.run("sync").ok()
    (lock,) = (sandbox.state / "projects").glob("*.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("process 4711 (tarkpm add x)")
        held.flush()
        busy = sandbox.run("sync", env={"TARKPM_LOCK_TIMEOUT": "0.1"})
    busy.failed(6, "process 4711 (tarkpm add x) is working here; gave up after 0.1 s")


def test_at_a_terminal_one_question_is_asked_and_yes_installs(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    with Terminal(sandbox, "add", publisher.url, "--tag", "v1.0.0") as terminal:
        card = terminal.expect("[y/N]")
        assert publisher.key in card
        assert "Trust this key, grant these capabilities and install?" in card
        terminal.type("y\n")
        assert "[y/N]" not in terminal.expect("added text-tools")
        assert terminal.finish().status == 0
    sandbox.run("verify").ok()


def test_no_at_the_prompt_changes_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    before = (sandbox.cwd / "tark.toml").read_bytes()
    with Terminal(sandbox, "add", publisher.url, "-y") as terminal:
        terminal.expect("[y/N]")
        terminal.type("\n")
        terminal.finish().failed(4, "nothing was changed")
    assert (sandbox.cwd / "tark.toml").read_bytes() == before
    assert not (sandbox.cwd / "tark.lock").exists()


def test_ctrl_c_at_the_prompt_is_130_and_changes_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    with Terminal(sandbox, "add", publisher.url) as terminal:
        terminal.expect("[y/N]")
        terminal.interrupt().failed(130, "interrupted")
    assert not (sandbox.cwd / "tark.lock").exists()
    sandbox.run("sync").ok()


def test_ctrl_c_during_a_download_is_130_at_once(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    publisher.server.before = lambda handler: (handler.pause(60), True)[1]
    process = sandbox.spawn("add", publisher.url)
    deadline = time.monotonic() + 20
    while not publisher.server.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert time.monotonic() - begun < 5
    publisher.server.before = None
    assert not (sandbox.cwd / "tark.lock").exists()


def test_a_closed_pipe_is_no_traceback(sandbox: Sandbox) -> None:
    sandbox.init()
    command = f"{sys.executable} -m tarkpm list | true"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=sandbox.cwd, env=sandbox.environment(), capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert Path(sandbox.cwd).is_dir()
