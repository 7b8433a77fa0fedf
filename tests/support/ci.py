"""CI jobs: machines with a checkout, the cache of an earlier job, and no state."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.faked_clock import Calendar, Machine
from support.sandbox import Sandbox


def job(of: Sandbox, root: Path) -> Sandbox:
    """A new machine with the two documents and the cache of an earlier one."""
    machine = Sandbox(root)
    for name in ("tark.toml", "tark.lock"):
        (machine.cwd / name).write_bytes((of.cwd / name).read_bytes())
    shutil.copytree(of.store, machine.store, symlinks=True)
    return machine


def aged(of: Sandbox, root: Path, days: int, calendar: Calendar) -> Machine:
    """A job so many days later."""
    made = job(of, root)
    calendar.today = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
    machine = Machine(root.with_name("machine"), calendar)
    shutil.copytree(made.cwd, machine.cwd, dirs_exist_ok=True)
    shutil.copytree(made.store, machine.store, symlinks=True)
    return machine
