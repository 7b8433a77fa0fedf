"""Ways around a team policy: a file that is damaged, a pull request, a flag, and a check that does not answer."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.advised import advise, advisory
from support.gitserver import GitServer
from support.indexed import IndexedProject
from support.sandbox import Sandbox

from tarkpm.ops.project import team_policy
from tarkpm.ops.project.team_policy import SystemFile

CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')
STRICT = "signers = []\n"


def install(sandbox: Sandbox, server: GitServer) -> Sandbox:
    """Make a project with one signed plugin, installed before there is a policy."""
    publisher = Publisher(sandbox, server, "text-tools")
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


@pytest.fixture
def app(sandbox: Sandbox, server: GitServer) -> Sandbox:
    """A project whose documents a test changes."""
    return install(sandbox, server)


@pytest.fixture(scope="module")
def _one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("policy"))
    with GitServer(sandbox.root) as server:
        yield install(sandbox, server)


@pytest.fixture
def user(_one: Sandbox) -> Iterator[Sandbox]:
    """A project whose documents stay as they are."""
    yield _one
    shutil.rmtree(_one.home / ".config" / "tarkpm", ignore_errors=True)
    (_one.home / ".config" / "tarkpm").unlink(missing_ok=True)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's policy, which does not exist yet."""
    folder = tmp_path / "etc" / "tarkpm"
    folder.mkdir(parents=True)
    monkeypatch.setattr(team_policy, "SYSTEM", SystemFile(folder / "policy.toml", os.geteuid()))
    return folder / "policy.toml"


def user_file(sandbox: Sandbox) -> Path:
    place = sandbox.home / ".config" / "tarkpm" / "policy.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _loop(file: Path) -> None:
    file.symlink_to(file.with_name("other"))
    file.with_name("other").symlink_to(file)


def _mode(file: Path, mode: int) -> None:
    file.write_text(STRICT)
    file.chmod(mode)


def _folder_mode(file: Path) -> None:
    file.write_text(STRICT)
    file.parent.chmod(0o777)


def _in_the_way(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link in a circle": (_loop, ""),
    "a link to nothing": (lambda file: file.symlink_to("/nonexistent"), ""),
    "a pipe": (os.mkfifo, "expected a regular file"),
    "a folder": (Path.mkdir, "expected a regular file"),
    "no UTF-8": (lambda file: file.write_bytes(b"\xff"), "not UTF-8"),
    "no TOML": (lambda file: file.write_text("signers ="), "not valid TOML"),
    "a misspelled rule": (lambda file: file.write_text("signer = []"), "did you mean 'signers'?"),
    "a big file": (lambda file: file.write_bytes(b"#" * (256 * 1024 + 1)), "more than 262,144 bytes"),
    "a file in place of its folder": (_in_the_way, ""),
}
OF_THE_MACHINE: dict[str, tuple[Callable[[Path], object], str]] = {
    "writable by its group": (lambda file: _mode(file, 0o664), "others may write it"),
    "writable by all": (lambda file: _mode(file, 0o646), "others may write it"),
    "in a folder that all may write": (_folder_mode, "others may write it"),
}


@pytest.mark.parametrize("fault", [*FAULTS, *OF_THE_MACHINE])
def test_a_damaged_policy_is_not_no_policy(user: Sandbox, system: Path, fault: str) -> None:
    damage, message = (FAULTS | OF_THE_MACHINE)[fault]
    damage(system)
    for words in (CALL, ("sync",), ("update",)):
        user.run(*words).failed(2, message, str(system.parent))


@pytest.mark.parametrize("fault", FAULTS)
def test_nor_is_a_damaged_one_of_the_user(user: Sandbox, fault: str) -> None:
    damage, message = FAULTS[fault]
    file = user_file(user)
    damage(file)
    for words in (CALL, ("sync",)):
        user.run(*words).failed(2, message, str(file))


def test_a_policy_of_another_user(user: Sandbox, system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system.write_text("")
    monkeypatch.setattr(team_policy, "SYSTEM", SystemFile(system, os.geteuid() + 1))
    user.run(*CALL).failed(2, f"it belongs to user {os.geteuid()}", str(system))


def test_a_link_that_its_owner_made_is_followed(user: Sandbox, system: Path) -> None:
    store = user.root / "store"
    store.mkdir()
    (store / "p").write_text(STRICT)
    system.symlink_to(store / "p")
    user.run(*CALL).failed(3, "(signers)")
    store.chmod(0o777)
    user.run(*CALL).failed(2, "others may write it", str(store))


def test_what_is_damaged_keeps_nobody_from_revoking(app: Sandbox, system: Path) -> None:
    system.write_text("signers =")
    for words in (("list",), ("doctor",), ("revoke", "text-tools", "storage"), ("remove", "text-tools")):
        assert app.run(*words).status in (0, 1), words
    app.run("sync").failed(2, "not valid TOML")


def test_doctor_names_what_is_damaged_and_what_is_forbidden(user: Sandbox, system: Path) -> None:
    system.write_text("signers =")
    user.run("doctor").failed(1, "not valid TOML", str(system))
    system.write_text('types = ["hook"]\ngit-hosts = []')
    found = user.run("doctor").failed(1, "'text-tools' is of type tool, which is not allowed (types)")
    assert "the source is from the git host 127.0.0.1" in found.out


def test_a_link_of_the_user_is_followed(user: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(STRICT)
    user_file(user).symlink_to(tmp_path / "mine")
    user.run(*CALL).failed(3, "(signers)")


def test_no_variable_moves_the_policy_of_the_machine(user: Sandbox, system: Path) -> None:
    system.write_text(STRICT)
    elsewhere = {
        name: str(user.root / "x") for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "TARKPM_POLICY")
    }
    user.run("list", env=elsewhere).ok()
    user.run("policy", "check", env=elsewhere).failed(1, "is signed by", str(system))
    user.run(*CALL, env=elsewhere).failed(3, "(signers)")


def test_the_user_and_the_project_cannot_widen_it(user: Sandbox, system: Path) -> None:
    system.write_text('types = ["hook"]\nunsigned = false\n')
    user_file(user).write_text('types = ["tool", "hook"]\nunsigned = true\n')
    user.run(*CALL).failed(3, "(types)", str(system))


# -- the signed policy of a project


def signed(app: Sandbox, text: str, *, version: int = 1, key: str = "lead") -> str:
    """Let the lead sign a policy, and return what tark.toml must say of it."""
    if not (app.state / "keys" / f"{key}.pem").exists():
        app.key(key)
    (app.cwd / "policy.toml").write_text(f"version = {version}\n{text}")
    report = app.run("policy", "sign", "--key", key, "--json").ok().json
    return f'\n[policy]\nkey = "{report["key"]}"\nversion = {report["version"]}\n'


def pull(app: Sandbox, table: str) -> None:
    """Let a pull request change what tark.toml says of the policy."""
    text = (app.cwd / "tark.toml").read_text().partition("\n[policy]")[0]
    (app.cwd / "tark.toml").write_text(text + table)


def test_a_first_policy_asks_nobody_and_counts(app: Sandbox) -> None:
    pull(app, signed(app, 'types = ["hook"]'))
    for words in (CALL, ("sync",), ("lock",)):
        app.run(*words).failed(3, "(types)", str(app.cwd / "policy.toml"))
    pull(app, signed(app, 'types = ["tool"]', version=2))
    app.run("sync").ok()
    app.run(*CALL).ok()


def test_a_policy_that_was_changed(app: Sandbox) -> None:
    pull(app, signed(app, 'types = ["tool"]'))
    app.run("sync").ok()
    policy, statement = app.cwd / "policy.toml", app.cwd / "policy.dsse.json"
    text, signature = policy.read_bytes(), statement.read_bytes()
    release = (app.plugins / "text-tools" / "plugin.dsse.json").read_bytes()

    def refused(status: int, message: str) -> None:
        for words in (CALL, ("sync",), ("policy", "show")):
            app.run(*words).failed(status, message)
        policy.unlink(missing_ok=True)
        policy.write_bytes(text)
        statement.write_bytes(signature)

    policy.write_bytes(text + b"\n")
    refused(3, "the signature is not that of this policy.toml")
    policy.unlink()
    refused(2, "policy.toml is missing")
    statement.unlink()
    refused(2, "policy.dsse.json is missing")
    statement.write_bytes(release)
    refused(3, "policy.toml is signed by")
    policy.unlink()
    policy.symlink_to("/etc/hostname")
    refused(2, "found a symbolic link")
    signed(app, "", key="other")
    refused(3, "policy.toml is signed by")
    statement.write_bytes(b"{}")
    refused(3, "malformed")
    policy.write_bytes(text.replace(b"\n", b"\r\n"))  # as git checks it out on some systems
    app.run(*CALL).ok()


def test_an_old_policy_that_is_put_back(app: Sandbox) -> None:
    signed(app, "")
    old = {name: (app.cwd / name).read_bytes() for name in ("policy.toml", "policy.dsse.json")}
    pull(app, signed(app, 'types = ["hook"]', version=2))
    for name, data in old.items():
        (app.cwd / name).write_bytes(data)
    app.run(*CALL).failed(2, "expected version 2 or later, as tark.toml says, found 1")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (lambda _: "", "apply no team policy of this project (before: version 2 or later, signed by ed25519:"),
        (lambda app: signed(app, "", key="evil"), "take this project's team policy from the key ed25519:"),
        (lambda app: signed(app, "", version=1), "take version 1 of this project's team policy"),
    ],
)  # fmt: skip
def test_a_pull_request_that_drops_it_is_asked_about(
    app: Sandbox, table: Callable[[Sandbox], str], said: str
) -> None:
    pull(app, signed(app, 'types = ["tool"]', version=2))
    app.run("sync").ok()
    digest = app.run("accept", "--print", "--json").ok().json["digest"]
    pull(app, table(app))
    for words in (CALL, ("sync",), ("update",), ("mcp",)):
        app.run(*words).failed(4, said)
    app.run("sync", f"--accept-project={digest}").failed(4, "have the digest")
    app.run("verify").failed(4, said)
    app.run("accept", "--accept-project").ok()
    app.run("sync").ok()


def test_a_policy_that_is_newer_asks_nobody(app: Sandbox) -> None:
    pull(app, signed(app, 'types = ["tool"]', version=2))
    app.run("sync").ok()
    table = signed(app, 'types = ["tool", "hook"]', version=3)
    pull(app, table)
    app.run("sync").ok()
    pull(app, table.replace("version = 3", "version = 2"))
    app.run("sync").failed(4, "take version 2 of this project's team policy (before: version 3 or later")


def test_a_rollback_to_before_the_policy_is_asked_about(app: Sandbox) -> None:
    pull(app, signed(app, 'types = ["tool"]'))
    app.run("sync").ok()
    newest = app.run("log", "--json").ok().json["generations"][1]["number"]
    app.run("rollback", str(newest)).failed(4, "apply no team policy of this project")
    pull(app, signed(app, 'types = ["hook"]', version=2))
    app.run("rollback", str(newest), "--replace-edits", "--accept-project").ok()


def test_a_project_names_no_program(app: Sandbox) -> None:
    (app.cwd / "policy.toml").write_text('[hook]\ncommand = ["/bin/touch", "/tmp/x"]')
    app.key("lead")
    app.run("policy", "sign", "--key", "lead").failed(2, "a project's policy cannot name a program")


def test_a_file_that_no_key_is_named_for_is_nobodys_policy(user: Sandbox) -> None:
    for make in (lambda file: file.write_bytes(b"\xff"), os.mkfifo, _loop):
        make(user.cwd / "policy.toml")
        user.run("sync").ok()
        user.run(*CALL).ok()
        (user.cwd / "policy.toml").unlink()


# -- flags


@pytest.mark.parametrize("words", [("sync",), ("accept",), CALL, ("lock",)])
def test_who_may_accept_in_advance(user: Sandbox, system: Path, words: tuple[str, ...]) -> None:
    digest = user.run("accept", "--print", "--json").ok().json["digest"]
    for text, rule in (("accept-project = []", "(accept-project)"), ("accept-project-pinned = true", "(accept-project-pinned)")):  # fmt: skip
        system.write_text(text)
        user.run(*words, "--accept-project").failed(3, rule, str(system))
        user.run(*words, env={"TARKPM_ACCEPT_PROJECT": "1"}).failed(3, rule)
        user.run(*words).ok()
    user.run(*words, f"--accept-project={digest}").ok()
    system.write_text("accept-project = []")
    user.run(*words, f"--accept-project={digest}").failed(3, "is not for the user")
    system.write_text(f'accept-project = ["{os.environ.get("USER", "root")}", "root"]')
    user.run(*words, "--accept-project", env={"USER": "nobody", "LOGNAME": "nobody"}).ok()


def test_a_policy_is_noticed_by_a_sync_without_work(user: Sandbox, system: Path) -> None:
    assert user.run("sync", "--json").ok().json["installed"] == []
    system.write_text('types = ["hook"]')
    user.run("sync").failed(3, "(types)")


# -- the external check


def program(app: Sandbox, lines: str) -> str:
    file = app.root / "check.sh"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)
    return f'[hook]\ncommand = ["{file}", "word"]\nseconds = 1\n'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("echo block; echo 'not on Fridays'", "blocks the change: not on Fridays"),
        ("echo allow; exit 1", "failed with status 1"),
        ("kill -9 $$", "was ended by signal 9"),
        ("exit 0", "answered '', expected allow, warn or block"),
        ("echo allowed", "answered 'allowed', expected"),
        ('printf "allow\\033[2Jx"', "expected allow, warn or block"),
        ("sleep 60 & wait", "did not answer within 1 seconds"),
        ("exec 0<&-; yes allow", "answered more than 65,536 bytes"),
    ],
)
def test_a_check_that_does_not_allow_blocks(user: Sandbox, system: Path, lines: str, said: str) -> None:
    system.write_text(program(user, lines))
    user.run("sync", "--reinstall").ok()  # nothing new is installed, and nothing is asked
    user.run(*CALL).ok()
    user.run("remove", "text-tools", "--dry-run").ok()
    user.run("revoke", "text-tools", "storage").ok()
    for words in (("grant", "text-tools", "storage"), ("add", "./mine", "--accept-capabilities")):
        user.plugin(user.cwd / "mine", name="mine", version="2.0.0")
        user.run(*words).failed(3, said, "(hook)", str(system))
    assert not (user.plugins / "mine").exists()


@pytest.mark.parametrize("words", [("accept",), ("sync",), CALL])
def test_a_pulled_grant_does_not_pass_the_check(app: Sandbox, system: Path, words: tuple[str, ...]) -> None:
    """An installed plugin gets it as soon as it is accepted, and nothing is installed."""
    file = app.cwd / "tark.toml"
    pulled = file.read_text()
    app.run("revoke", "text-tools", "storage").ok()
    file.write_text(pulled)
    system.write_text(program(app, "echo block"))
    app.run("--accept-project", *words).failed(3, "(hook)")
    system.unlink()
    assert "let 'text-tools' use storage" in app.run("accept", "--print").out  # nothing was accepted


def test_a_check_that_cannot_start_blocks(user: Sandbox, system: Path) -> None:
    system.write_text('[hook]\ncommand = ["/nonexistent/check"]')
    user.plugin(user.cwd / "mine", name="mine")
    user.run("add", "./mine", "--accept-capabilities").failed(3, "cannot be started", "(hook)")


def test_what_a_check_is_asked(app: Sandbox, system: Path) -> None:
    """It sees the plan, and none of the user's variables; a warning is a note."""
    asked = app.root / "asked"
    system.write_text(program(app, f"cat > {asked}.json; env > {asked}.env; echo warn; echo 'look at it'"))
    app.plugin(app.cwd / "mine", name="mine")
    added = app.run("add", "./mine", "--accept-capabilities", env={"GITHUB_TOKEN": "secret"}).ok()
    assert "warns: look at it" in added.err
    question = json.loads(Path(f"{asked}.json").read_text())
    assert question["version"] == 1
    (change,) = question["changes"]
    assert (change["name"], change["before"], change["granted"]) == ("mine", None, ["storage"])
    assert change["source"] == {"path": "./mine"}
    assert "secret" not in Path(f"{asked}.env").read_text()
    assert app.run("outdated").status in (0, 1)


def test_a_plugin_cannot_reach_the_policy_that_restricts_it(user: Sandbox) -> None:
    from tarkpm.ops.project.settings import Settings, user_paths

    environment = user.environment()
    guard = Settings(user.cwd, user_paths(environment), environment).guard
    assert any(user_file(user).is_relative_to(folder) for folder in guard.folders)


# -- an index


def test_what_waits_and_what_is_advised_against(indexed: IndexedProject) -> None:
    """Neither an exclusion shortens a minimum age, nor does a sync without work miss an advisory."""
    user = indexed.sandbox
    now = int(time.time())
    indexed.release("text-tools", "1.0.0", published=now - 90 * 86_400)
    indexed.release("text-tools", "1.1.0", published=now - 86_400)
    indexed.use()
    user_file(user).write_text('minimum-release-age = "3d"\nblock-severity = "high"\n')
    newest = ("add", "text-tools@1.1.0", "--accept-capabilities")
    for words in (newest, (*newest, "--no-minimum-age", "text-tools")):
        user.run(*words).failed(4, "is too young", "tarkpm policy explain text-tools")
    user.run("add", "text-tools", "--accept-capabilities").ok()
    tark = user.cwd / "tark.toml"
    tark.write_text(
        tark.read_text().replace("[tark]\n", '[tark]\nminimum-release-age-exclude = ["text-tools"]\n', 1)
    )
    user.run("accept", "--accept-project").ok()
    assert "1.1.0" not in user.run("update").ok().out.partition("note")[0]
    user.run("sync").ok()
    user.run(*CALL).ok()
    advise(indexed.repo, advisory(indexed.repo))
    user.run("audit").failed(1, "x_A-1")
    for refused in (CALL, ("sync",), ("sync", "--reinstall")):
        user.run(*refused).failed(3, "has an advisory of severity high (block-severity)")
    user.run("policy", "check").failed(1, "(block-severity)")
    user_file(user).write_text('block-severity = "critical"')
    user.run("sync").ok()
