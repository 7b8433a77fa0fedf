"""The rules of a team policy that are about changes, in every verb that could evade them.

Those about a plugin are in `test_attack_team_policy_verbs.py`, which sees to it that no field is forgotten.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
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
from support.sandbox import Result, Sandbox
from support.silent_ui import SilentUi

from tarkpm import Host
from tarkpm.core.agent.listing import Exposure
from tarkpm.errors import ProjectNotAccepted, TeamPolicyInvalid
from tarkpm.ops.mcp import Toolbox
from tarkpm.ops.project.settings import Settings, user_paths

DAY = 86_400
CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')
CONSENT = "--accept-capabilities"


def policy(sandbox: Sandbox, text: str) -> None:
    """Set the user's policy."""
    file = sandbox.home / ".config" / "tarkpm" / "policy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def documents(sandbox: Sandbox) -> list[bytes]:
    return [(sandbox.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")]


# -- minimum-release-age


@dataclass
class Waiting:
    """A user with old releases of an index, of git and of a registry, if there is one here.

    Newer ones of each were published today.
    """

    sandbox: Sandbox
    url: str
    oci: str
    young: tuple[str, ...]

    def versions(self) -> dict[str, str]:
        found = self.sandbox.run("list", "--json").ok().json["plugins"]
        return {one["id"]: one["version"] for one in found}


@pytest.fixture(scope="module")
def _waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    root = tmp_path_factory.mktemp("age")
    sandbox, repo = Sandbox(root / "user"), IndexRepo(root / "index")
    with GitServer(root / "user") as server, IndexServer(repo.folder) as running, ExitStack() as others:
        indexed = IndexedProject(sandbox, repo, running)
        indexed.release("calc", published=int(time.time()) - 90 * DAY)
        indexed.use()
        publisher = Publisher(sandbox, server, "text-tools")
        publisher.release()
        sandbox.run("add", "calc", CONSENT).ok()
        sandbox.run("add", publisher.url, "--tag", "^1.0", "--trust", publisher.key, CONSENT).ok()
        oci = ""
        if shutil.which("docker-registry"):
            zipped = OciPublisher(
                sandbox, others.enter_context(oci_registry(root / "registry")).host, "zipped"
            )
            zipped.release("1.0.0")
            oci = zipped.oci
            sandbox.run("add", f"{oci}:^1.0", "--trust", publisher.key, CONSENT).ok()
            zipped.release("1.1.0")
        indexed.release("calc", "1.1.0", published=int(time.time()))
        indexed.release("fresh", published=int(time.time()))
        publisher.release("1.1.0")
        policy(sandbox, 'minimum-release-age = "3d"')
        yield Waiting(sandbox, publisher.url, oci, ("calc", "text-tools", "zipped", "fresh"))


@pytest.fixture
def waiting(_waiting: Waiting) -> Iterator[Waiting]:
    before, kept = documents(_waiting.sandbox), _waiting.versions()
    yield _waiting
    assert _waiting.versions() == kept
    for name, data in zip(("tark.toml", "tark.lock"), before, strict=True):
        (_waiting.sandbox.cwd / name).write_bytes(data)
    _waiting.sandbox.run("accept", "--accept-project").ok()


REFUSED = {
    "add of an index": ("add", "fresh", CONSENT),
    "add of a version": ("add", "calc@1.1.0", CONSENT),
    "add of a tag": ("add", "{url}", "--tag", "v1.1.0", CONSENT),
    "add of a commit": ("add", "{url}", "--rev", "{rev}", CONSENT),
    "add of a branch": ("add", "{url}", "-b", "main", CONSENT),
    "add of an artifact": ("add", "{oci}:1.1.0", CONSENT),
}
LEFT_OUT = {
    "update": ("update", CONSENT),
    "update of one": ("update", "calc", "text-tools", CONSENT),
    "a reviewed update": ("update", "--review", "-y", CONSENT),
    "lock": ("lock", CONSENT),
    "add of what is there": ("add", "calc@^1.0", CONSENT),
}


def _run(waiting: Waiting, words: tuple[str, ...], *more: str) -> Result:
    commit = waiting.sandbox.run("info", waiting.url, "--tag", "v1.1.0", "--json").ok().json["commit"]
    if "oci" in "".join(words) and not waiting.oci:
        needed("docker-registry", None)
    typed = [word.format(url=waiting.url, oci=waiting.oci, rev=commit) for word in words]
    return waiting.sandbox.run(*typed, *more)


@pytest.mark.parametrize("excluding", [False, True], ids=["", "excluding"])
@pytest.mark.parametrize("verb", REFUSED)
def test_no_verb_takes_a_young_release(waiting: Waiting, verb: str, excluding: bool) -> None:
    """Nor with the option by which a project excludes a plugin from its own minimum age."""
    more = [word for name in waiting.young for word in ("--no-minimum-age", name)] if excluding else []
    before = documents(waiting.sandbox)
    _run(waiting, REFUSED[verb], *more).failed(4, "too young until", "tarkpm policy explain")
    assert documents(waiting.sandbox) == before


@pytest.mark.parametrize("excluding", [False, True], ids=["", "excluding"])
@pytest.mark.parametrize("verb", LEFT_OUT)
def test_no_update_takes_a_young_release(waiting: Waiting, verb: str, excluding: bool) -> None:
    """What is locked stays, also where a pull request excludes every plugin."""
    if excluding:
        file = waiting.sandbox.cwd / "tark.toml"
        line = f"[tark]\nminimum-release-age-exclude = {list(waiting.young)!r}\n".replace("'", '"')
        file.write_text(file.read_text().replace("[tark]\n", line, 1))
        waiting.sandbox.run("accept", "--accept-project").ok()
    lock = (waiting.sandbox.cwd / "tark.lock").read_bytes()
    _run(waiting, LEFT_OUT[verb]).ok()
    assert (waiting.sandbox.cwd / "tark.lock").read_bytes() == lock


# -- the external check


BLOCK = '[hook]\ncommand = ["/bin/echo", "block"]\n'
HOOKED = {
    "add": ("add", "{mine}", CONSENT),
    "update": ("update", CONSENT),
    "a reviewed update": ("update", "--review", "-y", CONSENT),
    "update of one": ("update", "text-tools", CONSENT),
    "grant": ("grant", "text-tools", "storage"),
    "grant of what is declared": ("grant", "text-tools", "--reset"),
    "rollback": ("rollback", "2"),
}


@dataclass
class Hooked:
    """A user with a plugin to which storage is no longer granted, and of which there is a newer release.

    Two others have a clone with the grant.
    """

    sandbox: Sandbox
    mates: tuple[Sandbox, Sandbox]
    carried: Path


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    root = tmp_path_factory.mktemp("check")
    sandbox, *mates = (Sandbox(root / name) for name in ("one", "two", "three"))
    with GitServer(root / "one") as server:
        publisher = Publisher(sandbox, server, "text-tools")
        publisher.release()
        sandbox.init()
        sandbox.run("add", publisher.url, "--trust", publisher.key, CONSENT).ok()
        sandbox.run("bundle", "create", "-o", root / "all.tar").ok()
        for mate, name in product(mates, ("tark.toml", "tark.lock")):
            shutil.copy(sandbox.cwd / name, mate.cwd / name)
        sandbox.run("revoke", "text-tools", "storage").ok()
        sandbox.plugin(sandbox.cwd / "mine", name="mine")
        publisher.release("1.1.0")
        for one in (sandbox, *mates):
            policy(one, BLOCK)
        yield Hooked(sandbox, (mates[0], mates[1]), root / "all.tar")


@pytest.mark.parametrize("verb", HOOKED)
def test_no_change_evades_the_check(hooked: Hooked, verb: str) -> None:
    sandbox = hooked.sandbox
    before = documents(sandbox)
    words = [word.format(mine=sandbox.cwd / "mine") for word in HOOKED[verb]]
    accept = ["--accept-project"] if verb == "rollback" else []
    sandbox.run(*words, *accept).failed(3, "blocks the change", "(hook)")
    assert documents(sandbox) == before
    sandbox.run(*CALL).ok()  # what is installed keeps running


@pytest.mark.parametrize("words", [("sync",), ("sync", "--bundle", "{bundle}")])
def test_no_clone_evades_the_check(hooked: Hooked, words: tuple[str, ...]) -> None:
    mate = hooked.mates[0]
    typed = [word.format(bundle=hooked.carried) for word in words]
    mate.run(*typed, "--accept-project").failed(3, "(hook)")
    assert not (mate.plugins / "text-tools").exists()


def test_no_bisection_evades_the_check(hooked: Hooked) -> None:
    """It accepts nothing that was revoked, so that there is nothing for the check to be asked about."""
    newest = hooked.sandbox.run("log", "--json").ok().json["generations"][0]["number"]
    said = hooked.sandbox.run("bisect", "start", str(newest), "1")
    assert "skipped generation 2: " in said.out, said
    hooked.sandbox.run("bisect", "reset").ok()


# -- accept-project, accept-project-pinned


ACCEPTING = {
    "accept": ("accept",),
    "add": ("add", "{mine}", CONSENT),
    "update": ("update",),
    "lock": ("lock",),
    "sync": ("sync",),
    "grant": ("grant", "text-tools", "storage"),
    "call": ("call", "text-tools", "text-stats", "{}"),
    "tools": ("tools", "text-tools"),
    "hook": ("hook", "run", "e", "{}"),
    "mcp": ("mcp",),
}


@pytest.mark.parametrize("verb", ACCEPTING)
@pytest.mark.parametrize("rule", ["accept-project = []", "accept-project-pinned = true"])
def test_no_verb_accepts_in_advance(hooked: Hooked, verb: str, rule: str) -> None:
    """Neither by the option nor by the variable."""
    mate = hooked.mates[1]
    policy(mate, rule)
    try:
        words = [word.replace("{mine}", str(hooked.sandbox.cwd / "mine")) for word in ACCEPTING[verb]]
        for option, more in (["--accept-project"], {}), ([], {"TARKPM_ACCEPT_PROJECT": "1"}):
            mate.run(*option, *words, env=more).failed(3, f"({rule.partition(' ')[0]})")
        assert mate.run("accepted", "--json").ok().json["projects"] == []
    finally:
        policy(mate, BLOCK)


def test_no_program_accepts_in_advance(hooked: Hooked) -> None:
    """`Host` reads no such variable: it never accepts for its user."""
    environment = {**hooked.mates[1].environment(), "TARKPM_ACCEPT_PROJECT": "1"}
    with pytest.raises(ProjectNotAccepted):
        Host.open(hooked.mates[1].cwd, environment=environment)


# -- version


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A project that demands version 2 of its policy, in which a pull request put back version 1."""
    root = tmp_path_factory.mktemp("older")
    sandbox = Sandbox(root)
    with GitServer(root) as server:
        publisher = Publisher(sandbox, server, "text-tools")
        publisher.release()
        sandbox.init()
        sandbox.run("add", publisher.url, "--trust", publisher.key, CONSENT).ok()
        sandbox.key("lead")
        for version in (2, 1):
            (sandbox.cwd / "policy.toml").write_text(f"version = {version}\n")
            signed = sandbox.run("policy", "sign", "--key", "lead", "--json").ok().json
            if version == 2:
                with (sandbox.cwd / "tark.toml").open("a") as file:
                    file.write(f'\n[policy]\nkey = "{signed["key"]}"\nversion = 2\n')
                sandbox.run("sync").ok()
        sandbox.run("revoke", "text-tools", "storage").ok()
        sandbox.plugin(sandbox.cwd / "mine", name="mine")
        sandbox.plugin(sandbox.plugins / "hand", name="hand")
        yield sandbox


@pytest.mark.parametrize(
    "words",
    [
        ("add", "{mine}", CONSENT),
        ("update",),
        ("lock",),
        ("sync",),
        ("sync", "--reinstall"),
        ("grant", "text-tools", "storage"),
        CALL,
        ("tools", "text-tools"),
        ("hook", "run", "e", "{}", "--plugin", "text-tools"),
        ("call", "hand", "text-stats", "{}", "--accept-unmanaged", "hand"),
        ("call", "{mine}", "text-stats", "{}", CONSENT),
    ],
    ids=" ".join,
)
def test_no_verb_takes_an_older_policy(older: Sandbox, words: tuple[str, ...]) -> None:
    before = documents(older)
    typed = [word.replace("{mine}", str(older.cwd / "mine")) for word in words]
    older.run(*typed).failed(2, "expected version 2 or later, as tark.toml says, found 1")
    assert documents(older) == before


def test_no_program_takes_an_older_policy(older: Sandbox) -> None:
    environment = older.environment()
    with Host.open(older.cwd, environment=environment) as host:
        assert host.plugins == []
        assert isinstance(host.failed["text-tools"], TeamPolicyInvalid)
    settings = Settings(older.cwd, user_paths(environment), environment)
    with pytest.raises(TeamPolicyInvalid):
        Toolbox(settings, SilentUi(), Exposure(), lambda _: None)
