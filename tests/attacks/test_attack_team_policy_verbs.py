"""Every rule of a team policy, in every verb that could evade it: each of them refuses, and nothing changes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Publisher
from support.daemons import needed
from support.gitserver import GitServer
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from support.oci_publisher import OciPublisher
from support.ociregistry import oci_registry
from support.sandbox import Sandbox

from tarkpm import Host
from tarkpm.core.advisory import Severity
from tarkpm.core.agent.listing import Exposure
from tarkpm.core.team_policy import FIELDS
from tarkpm.core.team_rules import RULES
from tarkpm.errors import PolicyViolation, UnmanagedRefused
from tarkpm.ops.mcp import Toolbox
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.release import team_check

DECLARED = 'storage = true\nhttp = ["api.example.com"]'
CALL = ("text-stats", '{"text":"a"}')
POLICIES = {
    "indexes": ("calc", "indexes = []"),
    "git-hosts": ("text-tools", 'git-hosts = ["github.com"]'),
    "registries": ("zipped", 'registries = ["ghcr.io"]'),
    "folders": ("mine", "folders = false"),
    "signers": ("text-tools", "signers = []"),
    "unsigned": ("loose", "unsigned = false"),
    "licenses": ("text-tools", 'licenses = ["ISC"]'),
    "types": ("text-tools", 'types = ["hook"]'),
    "capabilities": ("text-tools", "[capabilities]\nstorage = true"),
    "deny-hosts": ("text-tools", 'deny-hosts = ["*.example.com"]'),
    "block-severity": ("text-tools", 'block-severity = "high"'),
}
"""For each rule, a plugin that breaks it and the policy."""
OF_FOLDERS = ("folders", "unsigned", "signers", "licenses", "types", "capabilities", "deny-hosts")


@dataclass
class World:
    """A project with a plugin of each kind, installed before there was a policy."""

    sandbox: Sandbox
    mate: Sandbox
    add: dict[str, tuple[str, ...]]
    index: tuple[str, ...]

    def policy(self, text: str) -> None:
        for one in (self.sandbox, self.mate):
            place = one.home / ".config" / "tarkpm"
            place.mkdir(parents=True, exist_ok=True)
            (place / "policy.toml").write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root: Path = tmp_path_factory.mktemp("policy")
    sandbox, mate = Sandbox(root / "one"), Sandbox(root / "two")
    repo = IndexRepo(root / "index")
    with GitServer(root / "one") as server, IndexServer(repo.folder) as running, ExitStack() as others:
        publisher, loose = (Publisher(sandbox, server, name) for name in ("text-tools", "loose"))
        publisher.release("1.0.0", capabilities=DECLARED)
        loose.release("1.0.0", sign="")
        indexed = IndexedProject(sandbox, repo, running)
        indexed.release("calc", more='license = "MIT"\n[capabilities]\nstorage = true\n')
        indexed.use()
        sandbox.plugin(sandbox.cwd / "mine", name="mine", capabilities=DECLARED)
        add = {
            "text-tools": (publisher.url, "--trust", publisher.key, "--accept-capabilities"),
            "loose": (loose.url, "--allow-unsigned", "loose", "--accept-capabilities"),
            "mine": (str(sandbox.cwd / "mine"), "--accept-capabilities"),
            "calc": ("calc", "--accept-capabilities"),
        }
        # What is from a registry is judged last, so that a policy that forbids it, too, names its own rule.
        if shutil.which("docker-registry"):
            registry = others.enter_context(oci_registry(root / "registry"))
            zipped = OciPublisher(sandbox, registry.host, "zipped")
            zipped.release("1.0.0", capabilities=DECLARED)
            add["zipped"] = (zipped.oci, "--trust", publisher.key, "--accept-capabilities")
        for words in add.values():
            sandbox.run("add", *words).ok()
        # Generations to go back to that have every plugin, and a file that carries those with a source.
        for _ in range(2):
            with (sandbox.cwd / "tark.toml").open("a") as file:
                file.write("# later\n")
            sandbox.run("sync").ok()
        sandbox.run("bundle", "create", "-o", sandbox.root / "all.tar", *sorted({*add} - {"mine"})).ok()
        for name in ("hand", "stranger"):
            sandbox.plugin(sandbox.plugins / name, name=name, capabilities=DECLARED)
        for name in ("tark.toml", "tark.lock"):
            shutil.copy(sandbox.cwd / name, mate.cwd / name)
        shutil.copytree(sandbox.cwd / "mine", mate.cwd / "mine")
        yield World(sandbox, mate, add, (running.url, "--root", repo.root_digest))


@pytest.fixture
def world(made: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(team_check, "severity_of", _severity)
    before = [(made.sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")]
    yield made
    assert [(made.sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")] == before
    assert not (made.mate.plugins / "text-tools").exists()
    for one in (made.sandbox, made.mate):
        (one.home / ".config" / "tarkpm" / "policy.toml").unlink(missing_ok=True)


def _severity(_: object, entry: object) -> Severity:
    return Severity.CRITICAL


def _typed(*words: str) -> Callable[[World, str, str], None]:
    def run(world: World, name: str, rule: str) -> None:
        typed = [word.replace("{name}", name) for word in words]
        world.sandbox.run(*typed).failed(3, "the team policy forbids it", f"({rule})", "tarkpm policy")

    return run


def _add(world: World, name: str, rule: str) -> None:
    folder = world.sandbox.root / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    where = ("--project", str(folder))
    world.policy("")
    world.sandbox.run("init", *where, "--tark-version", "0.12.6").ok()
    world.sandbox.run("index", "add", "community", *world.index, *where).ok()
    lock = (folder / "tark.lock").read_bytes()
    world.policy(POLICIES[rule][1])
    world.sandbox.run("add", *world.add[name], *where, "-y").failed(3, f"({rule})")
    assert not (folder / ".tark" / "plugins" / name).exists()
    assert (folder / "tark.lock").read_bytes() == lock


def _clone(world: World, _: str, rule: str) -> None:
    world.mate.run("sync", "--accept-project").failed(3, f"({rule})")


def _bundle(world: World, _: str, rule: str) -> None:
    carried = world.sandbox.root / "all.tar"
    world.mate.run("sync", "--bundle", str(carried), "--accept-project").failed(3, f"({rule})")
    world.sandbox.run("bundle", "create", "-o", world.sandbox.root / "none.tar").failed(3, f"({rule})")
    assert not (world.sandbox.root / "none.tar").exists()


def _bisect(world: World, _: str, __: str) -> None:
    """The only generation in between has what is forbidden."""
    newest = world.sandbox.run("log", "--json").ok().json["generations"][0]["number"]
    said = world.sandbox.run("bisect", "start", str(newest), str(newest - 2)).ok()
    assert f"skipped generation {newest - 1}: " in said.out
    assert "the team policy forbids it" in said.out
    world.sandbox.run("bisect", "reset").ok()


def _host(world: World, name: str, rule: str) -> None:
    with Host.open(world.sandbox.cwd, environment=world.sandbox.environment()) as host:
        problem = host.failed[name]
        assert isinstance(problem, PolicyViolation)
        assert problem.rule == rule
        with pytest.raises(PolicyViolation):
            host.call(name, *CALL)


def _mcp(world: World, name: str, rule: str) -> None:
    """A server that runs already offers the tools no longer, and a client that knows them is refused."""
    del rule
    environment = world.sandbox.environment()
    settings = Settings(world.sandbox.cwd, user_paths(environment), environment)
    text = (world.sandbox.home / ".config" / "tarkpm" / "policy.toml").read_text()
    world.policy("")
    toolbox = Toolbox(settings, Quiet(), Exposure(), lambda _: None)
    try:
        offered = [one.plugin for one in toolbox.tools]
        assert (name in offered) is (name != "mine")  # agents are offered no working copies
        world.policy(text)
        toolbox.refresh()
        assert name not in [one.plugin for one in toolbox.tools]
    finally:
        toolbox.close()


class Quiet:
    interactive = False

    def show(self, cards: object) -> None: ...

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def note(self, text: str) -> None: ...

    def busy(self, text: str) -> None: ...


VERBS: dict[str, Callable[[World, str, str], None]] = {
    "add": _add,
    "update": _typed("update", "{name}"),
    "lock": _typed("lock"),
    "sync": _typed("sync"),
    "sync of a clone": _clone,
    "reinstall": _typed("sync", "--reinstall"),
    "sync of a bundle": _bundle,
    "rollback": _typed("rollback"),
    "bisect": _bisect,
    "call": _typed("call", "{name}", *CALL),
    "tools": _typed("tools", "{name}"),
    "auth": _typed("auth", "status", "{name}"),
    "chat": _typed("chat", "{name}", "hello"),
    "channel": _typed("channel", "start", "{name}"),
    "hook": _typed("hook", "run", "e", "{}", "--plugin", "{name}"),
    "mcp": _mcp,
    "Host": _host,
}


@pytest.mark.parametrize("rule", POLICIES)
def test_no_verb_evades(world: World, rule: str) -> None:
    name, text = POLICIES[rule]
    if name not in world.add:
        needed("docker-registry", None)
    for verb, run in VERBS.items():
        world.policy(text)
        try:
            run(world, name, rule)
        except BaseException as problem:
            problem.add_note(f"{rule} in {verb}")
            raise


@pytest.mark.parametrize("rule", OF_FOLDERS)
def test_no_folder_evades(world: World, rule: str) -> None:
    """Neither one that was put into the environment by hand, nor one that runs where it is."""
    world.policy(POLICIES[rule][1])
    world.sandbox.run("call", "hand", *CALL, "--accept-unmanaged", "hand").failed(3, f"({rule})")
    for verb in (("call", "./mine", *CALL), ("hook", "run", "e", "{}", "--plugin", "./mine")):
        world.sandbox.run(*verb, "--accept-capabilities").failed(3, f"({rule})")


def test_a_folder_that_nobody_agreed_to_stops_nothing(world: World) -> None:
    """A policy that forbids it does not turn it into a hook that fails, which would stop every call."""
    world.policy("folders = false")
    environment = world.sandbox.environment()
    with Host.open(world.sandbox.cwd, environment=environment) as host:
        assert isinstance(host.failed["stranger"], UnmanagedRefused)
        assert isinstance(host.failed["mine"], PolicyViolation)


@pytest.mark.parametrize("rule", ["capabilities", "deny-hosts", "types"])
def test_no_grant_evades(world: World, rule: str) -> None:
    """What is forbidden cannot be granted, and can be revoked."""
    name, text = POLICIES[rule]
    world.policy(text)
    world.sandbox.run("revoke", name, "http:api.example.com").ok()
    for words in ((name, "http:api.example.com"), (name, "--reset")):
        world.sandbox.run("grant", *words).failed(3, "the team policy forbids it", f"({rule})")
    world.policy("")
    world.sandbox.run("grant", name, "http:api.example.com").ok()


def test_what_is_forbidden_can_be_removed(world: World) -> None:
    world.policy("types = []")
    world.sandbox.run("remove", "loose", "--dry-run").ok()


def test_no_forbidden_server_is_asked(world: World) -> None:
    """Not even for a name: a refusal comes before the first request."""
    empty = world.sandbox.root / "empty"
    empty.mkdir()
    world.sandbox.run("init", "--project", empty, "--tark-version", "0.12.6").ok()
    for text in ("git-hosts = []", 'deny-hosts = ["127.0.0.1"]'):
        world.policy(text)
        refused = world.sandbox.run("add", world.add["text-tools"][0], "--project", empty)
        refused.failed(3, "the source ", "tarkpm policy show")
    # Nobody listens there: a request would fail in another way.
    for text in ("git-hosts = []", "registries = []", 'deny-hosts = ["127.0.0.1"]'):
        world.policy(text)
        for verb in ("add", "info", "versions", "inspect"):
            refused = world.sandbox.run(verb, "oci://127.0.0.1:9/owner/zipped", "--project", empty)
            refused.failed(3, "the source ", "tarkpm policy show")
    for text in ("indexes = []", 'deny-hosts = ["127.0.0.1"]'):
        world.policy(text)
        world.sandbox.run("search", "calc").failed(3, "the source ")
        world.sandbox.run("versions", "calc").failed(3, "the source ")
        add = ("index", "add", "community", *world.index, "--project", str(empty))
        for words in (add, (*add, "--offline")):
            world.sandbox.run(*words).failed(3, "the source ")


def test_every_rule_is_tried() -> None:
    """A field that is added needs a row here, and one on the page."""
    # In test_attack_team_policy_changes.py, each against the verbs that could evade it.
    elsewhere = {"version", "minimum-release-age", "accept-project", "accept-project-pinned", "hook"}
    assert set(FIELDS) == {*POLICIES, *elsewhere}
    assert {*RULES, "version", "minimum-release-age"} == set(FIELDS)
    page = (Path(__file__).parents[2] / "docs" / "team-policy.md").read_text()
    assert [one for one in FIELDS if f"| `{one}` |" not in page and f"| `[{one}]` |" not in page] == []
