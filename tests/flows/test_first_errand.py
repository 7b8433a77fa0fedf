"""The errand of issue 2, word for word: add, sync, verify and run a signed plugin from git."""

from conftest import Publisher
from support.sandbox import Sandbox


def test_a_stranger_installs_and_runs_a_signed_plugin(sandbox: Sandbox, publisher: Publisher) -> None:
    commit = publisher.release()
    sandbox.init()
    add = sandbox.run(
        "add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities"
    ).ok()
    assert f"added text-tools 1.0.0 at {commit[:12]}" in add.out
    assert sandbox.run("sync").ok().out == "1 plugin matches tark.lock\n"
    assert "1 plugin verified" in sandbox.run("verify").ok().out
    answer = sandbox.run("call", "text-tools", "text-stats", '{"text":"a b c"}').ok()
    assert answer.out == '{"chars":5,"words":3,"lines":1}\n'
