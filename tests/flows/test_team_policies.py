"""What a person types about team policies, and what they see."""

from conftest import Publisher
from support.sandbox import Sandbox


def test_a_lead_signs_rules_and_a_colleague_looks_at_them(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    assert sandbox.run("policy", "show").ok().out == "No team policy applies here.\n"
    assert sandbox.run("policy", "explain", "text-tools").ok().out == "No team policy applies here.\n"
    key = sandbox.key("lead")
    policy = sandbox.cwd / "policy.toml"
    policy.write_text('version = 1\ntypes = ["hook"]\nlicenses = ["MIT"]\n')
    would = sandbox.run("policy", "sign", "--key", "lead", "--dry-run").ok().out
    assert would.startswith("would sign ")
    assert not (sandbox.cwd / "policy.dsse.json").exists()
    out = sandbox.run("policy", "sign", "--key", "lead").ok().out
    table = out.partition("In tark.toml:\n")[2]
    assert table == f'  [policy]\n  key = "{key}"\n  version = 1\n'
    tark = sandbox.cwd / "tark.toml"
    tark.write_text(tark.read_text() + "\n" + table.replace("  ", ""))

    refused = sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities")
    refused.failed(3, "'text-tools' is of type tool, which is not allowed (types)", str(policy))
    lines = sandbox.run("policy", "explain", "text-tools").ok().out.splitlines()
    assert lines[0] == "'text-tools' is not in this project; these rules apply to it:"
    assert [line.split()[0] for line in lines[3:]] == ["licenses", "types"]

    policy.write_text('version = 2\ntypes = ["tool"]\nlicenses = ["MIT"]\n')
    sandbox.run("policy", "sign", "--key", "lead").ok()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    assert sandbox.run("policy", "check").ok().out == "1 plugin checked: nothing is forbidden\n"
    policy.write_text('version = 3\ntypes = ["hook"]\nlicenses = ["MIT"]\n')
    sandbox.run("policy", "sign", "--key", "lead").ok()
    shown = sandbox.execute("policy", "show").ok().out.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["licenses", "MIT", str(policy)],
        ["types", "hook", str(policy)],
    ]
    found = sandbox.execute("policy", "check")
    found.failed(1, f"'text-tools' is of type tool, which is not allowed (types)  {policy}")
    rules = sandbox.run("policy", "explain", "text_tools", "--json").ok().json["rules"]
    verdicts = {one["rule"]: (one["verdict"], one["subject"]) for one in rules}
    assert verdicts == {"licenses": ("allowed", ""), "types": ("forbidden", "tool")}


def test_a_license_that_is_not_known_here_is_not_taken_for_a_right_one(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    mate = Sandbox(sandbox.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    place = mate.home / ".config" / "tarkpm" / "policy.toml"
    place.parent.mkdir(parents=True)
    place.write_text('licenses = ["ISC"]')
    checked = mate.run("policy", "check").ok().out
    assert "not known here, and not checked: the licenses of text-tools" in checked
    mate.run("sync", "--accept-project").failed(3, "has the license MIT, which is not allowed (licenses)")
    assert not mate.plugins.exists() or not list(mate.plugins.iterdir())
