"""Secrets in a real keyring: that of GNOME, over the bus of a session that a test starts for itself."""

import json
import shutil
import subprocess
import sys

import pytest
from support.sandbox import Sandbox

VALUE = "ghp_0123456789abcdef"
SCRIPT = f"""
set -e -o pipefail
printf password | gnome-keyring-daemon --unlock --components=secrets --daemonize > /dev/null 2>&1
tarkpm() {{ "{sys.executable}" -m tarkpm "$@" | tr -d "\\n"; echo; }}
printf {VALUE} | tarkpm secret set github --json
printf {VALUE}2 | tarkpm secret set github --json
tarkpm secret list --json
"{sys.executable}" -c 'import sys; from pathlib import Path; from tarkpm.store.secrets import SecretStore
print(SecretStore(Path(sys.argv[1])).get("github").replace("{VALUE}", "the value "))' "$STATE" >&2
ls "$HOME/.local/share/keyrings" >&2
tarkpm secret remove github --json
"""


@pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="not installed: gnome-keyring",
)
def test_a_real_keyring(sandbox: Sandbox) -> None:
    runtime = sandbox.root / "run"
    runtime.mkdir(mode=0o700)
    environment = sandbox.environment(XDG_RUNTIME_DIR=str(runtime), STATE=str(sandbox.state))
    del environment["PYTHON_KEYRING_BACKEND"]
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", SCRIPT],
        cwd=sandbox.cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, listed, removed = map(json.loads, done.stdout.splitlines())
    assert [(one["kept"], one["replaced"]) for one in (first, second)] == [
        ("keyring", False),
        ("keyring", True),
    ]
    assert [(one["name"], one["kept"]) for one in listed["secrets"]] == [("github", "keyring")]
    assert "the value 2\n" in done.stderr
    assert "login.keyring" in done.stderr
    assert removed["kept"] == "missing"
    # Encrypted there, and in no file of ours.
    assert VALUE not in done.stdout + done.stderr
    assert not [f for f in sandbox.root.rglob("*") if f.is_file() and VALUE.encode() in f.read_bytes()]
    assert list((sandbox.state / "secrets").iterdir()) == []
