"""A tool plugin that tries what it was not given; each tool is one attempt. Built without stubbing WASI."""
# componentize-py makes wit_world out of wit/, which mypy does not see:
# mypy: ignore-errors

import encodings.idna  # noqa: F401  # names are encoded with it, and there is no file to import it from later
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from wit_world import exports
from wit_world.exports.tool_plugin import RiskLevel, ToolDef, ToolResult


def connect(port):
    with socket.socket() as endpoint:  # create_connection would look the address up first
        endpoint.connect(("127.0.0.1", port))


def bind():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))


def started():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()


def printed():
    print("to standard output", flush=True)  # noqa: T201
    print("to standard error", file=sys.stderr, flush=True)  # noqa: T201


def passing():
    first = time.monotonic()
    time.sleep(0.02)
    return time.monotonic() - first


ATTEMPTS = {
    # what fails
    "read": lambda path: Path(path).read_text(),
    "write": lambda path: Path(path).write_text("was here"),
    "list": lambda: os.listdir("/"),
    "connect": connect,
    "bind": bind,
    "names": lambda: str(socket.getaddrinfo("localhost", 80)),
    "run": lambda: subprocess.run(["/bin/true"]).returncode,
    "thread": started,
    # what is empty, or goes nowhere
    "environment": lambda: [dict(os.environ), sys.argv],
    "input": sys.stdin.read,
    "print": printed,
    # what works
    "time": time.time,
    "passing": passing,
    "secrets": lambda: secrets.token_hex(16),
    "dice": lambda: [random.random(), random.SystemRandom().random()],
}


class ToolPlugin(exports.ToolPlugin):
    """What tool-world exports."""

    def get_tools(self):
        return [ToolDef(name, "", "{}") for name in ATTEMPTS]

    def get_risk_level(self, tool_name):
        return RiskLevel.DANGEROUS

    def execute(self, tool_name, arguments):
        if tool_name == "raise":
            raise ValueError("bad text")
        try:
            return ToolResult(True, json.dumps(ATTEMPTS[tool_name](**json.loads(arguments))), None)
        except Exception as e:  # noqa: BLE001  # a tool's failure is an answer
            return ToolResult(False, "", f"{type(e).__name__}: {e}")
