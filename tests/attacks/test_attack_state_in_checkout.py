"""A pull request that brings the state folder along, where CI keeps it inside the checkout."""

import shutil

from conftest import Publisher
from support.sandbox import Sandbox


def test_state_inside_the_project_is_refused(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    planted = sandbox.cwd / ".state"
    shutil.copytree(sandbox.state, planted)
    shutil.rmtree(sandbox.state)
    inside = {"TARKPM_STATE_DIR": str(planted)}
    for command in ("sync", "verify", "call text-tools text-stats {}", "list"):
        sandbox.run(*command.split(), env=inside).failed(
            2,
            "the state folder is inside the project, where a pull request could change it",
            "TARKPM_STATE_DIR",
        )
    outside = sandbox.root / "state"
    shutil.copytree(planted, outside)
    sandbox.run("list", env={"TARKPM_STATE_DIR": str(outside)}).ok()
