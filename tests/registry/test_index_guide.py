"""`index/maintainers.md`, typed: every command of its blocks, with real git, from clone to clone of one repository."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from support.gitrepo import git, git_env
from support.sandbox import Result, Sandbox

GUIDE = (Path(__file__).resolve().parents[2] / "index" / "maintainers.md").read_text()
PEOPLE = ("alice", "bob", "carol", "forge")
_LINE = re.compile(r"^(\w+)\$ +(.+)$")


def blocks(month: str) -> Iterator[list[str]]:
    """The code blocks of a section, as lines; a line that ends with a backslash is joined with the next."""
    section = re.search(rf"^## {month}.*?$(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert section, month
    for block in re.findall(r"^```\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL):
        yield re.sub(r"\\\n *", "", block).splitlines()


class Person(Sandbox):
    """Somebody with keys of their own, and a clone of the index in ``clone``."""

    def __init__(self, root: Path, name: str, url: str) -> None:
        super().__init__(root / name)
        self.name, self.url, self.clone = name, url, self.cwd / "community"

    def git(self, *words: str) -> str:
        return git(self.clone, *words, env=self.git_environment)

    @property
    def git_environment(self) -> dict[str, str]:
        who = {f"GIT_{role}_NAME": self.name for role in ("AUTHOR", "COMMITTER")}
        # some people have this set, and git would change the line ends of signed files
        crlf = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.autocrlf",
            "GIT_CONFIG_VALUE_0": "true",
        }
        return (
            git_env(self.home)
            | crlf
            | who
            | {key.replace("NAME", "EMAIL"): "x@example.invalid" for key in who}
        )

    def shell(self, line: str) -> None:
        """Type a line of git commands."""
        done = subprocess.run(
            ["sh", "-ec", line.replace("URL", self.url)],
            cwd=self.clone if self.clone.is_dir() else self.cwd,
            env=self.git_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)

    def tarkpm(self, *words: str) -> Result:
        """Type a command; a proposal is signed by typing the command that the refusal names."""
        cwd, env = self.clone if self.clone.is_dir() else self.cwd, {"TARKPM_KEY_PASSPHRASE": "long enough"}
        done = self.run(*words, cwd=cwd, env=env)
        if words[:2] == ("index", "countersign"):
            (hint,) = re.findall(r"help: tarkpm (.*)", done.failed(4, "requires agreement").err)
            done = self.run(*shlex.split(hint), cwd=cwd, env=env)
        return done.ok()

    def public(self, name: str) -> str:
        return (self.state / "keys" / f"{name}.pub").read_text().strip()


class Forge:
    """The bare repository, everybody's clones of it, and publishers."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "index.git"
        git(root, "init", "--quiet", "--bare", "--initial-branch=main", str(self.folder))
        self.people = {name: Person(root, name, self.folder.as_uri()) for name in PEOPLE}
        self.publishers = {name: Sandbox(root / name) for name in ("pat", "quinn", "rene")}
        self.keys = {name: one.key() for name, one in self.publishers.items()}
        self.by_hand = False
        self.names: dict[str, Callable[[], str]] = {}

    def follow(self, month: str, **names: Callable[[], str]) -> str:
        """Type the commands of a section; returns everything that was printed."""
        self.names = names
        said = ""
        for block in blocks(month):
            # a block with git commands is typed as it is; the others rely on what the guide says of git
            self.by_hand = any("git push" in line for line in block) or not git(self.folder, "branch")
            expected: list[str] = []
            for line in [*block, "forge$ end"]:
                if found := _LINE.match(line):
                    _check(expected, said)
                    expected = []
                    if found[2] != "end":
                        said += self.type(self.people[found[1]], found[2])
                else:
                    expected.append(line)
            if not self.by_hand:
                said += self.job()
        return said

    def type(self, person: Person, line: str) -> str:
        """Type one line in somebody's up-to-date clone, and push what it changed; returns what it printed."""
        words = shlex.split(
            re.sub(r"ed25519:(\w+)…", lambda found: self.key_of(found[1]), line), comments=True
        )
        if words[0] != "tarkpm":
            person.shell(line.partition("  #")[0])
            return ""
        if not self.by_hand:
            person.git("pull", "--quiet")
        done = person.tarkpm(*words[1:], *(("--bins", "1") if "create" in words else ()))
        if not self.by_hand:
            self.push(person, line)
        return done.out + done.err

    def key_of(self, name: str) -> str:
        """The key that the guide calls this."""
        if name in self.names:
            return self.names[name]()
        if name.lower() in self.keys:
            return self.keys[name.lower()]
        return self.people[{"ONLINE": "forge"}.get(name, name.lower())].public(
            "online" if name == "ONLINE" else "maintainer"
        )

    def push(self, person: Person, message: str) -> None:
        """Push what changed in somebody's clone."""
        person.git("add", "--all")
        if person.git("status", "--porcelain"):
            person.git("commit", "--quiet", "-m", message)
            person.git("push", "--quiet")

    def job(self) -> str:
        """What the forge does by itself."""
        return self.type(self.people["forge"], "tarkpm index refresh")

    def both(self, *words: str) -> None:
        """Two maintainers decide something beside the guide."""
        self.type(self.people["alice"], shlex.join(["tarkpm", "index", *words]))
        self.type(self.people["bob"], "tarkpm index countersign")
        assert "enacted" in self.job()

    def submit(self, publisher: str, name: str, version: str) -> None:
        """A publisher's pull request is merged."""
        sandbox, forge = self.publishers[publisher], self.people["forge"]
        source = sandbox.plugin(sandbox.cwd / f"{name}-{version}", name=name, version=version)
        forge.git("pull", "--quiet")
        sandbox.run("publish", source, "--to", forge.clone / "submissions", "--key", "release").ok()
        self.push(forge, f"submit {name} {version}")

    def publish(self, publisher: str, name: str, version: str) -> None:
        """A publisher's release is listed."""
        self.submit(publisher, name, version)
        self.type(self.people["forge"], f"tarkpm index accept submissions/{name}-{version}")
        self.people["forge"].git("rm", "-rq", f"submissions/{name}-{version}")
        self.push(self.people["forge"], f"{name} {version}")


def _check(expected: list[str], said: str) -> None:
    """Every line that the guide shows was printed, but for the width of columns; ``…`` stands for anything."""
    printed = [" ".join(line.split()) for line in said.splitlines()]
    for line in expected:
        pattern = ".*".join(map(re.escape, " ".join(line.split()).split("…")))
        assert any(re.fullmatch(pattern, one) for one in printed), (line, said)


def test_the_guide_works_as_it_is_typed(tmp_path: Path) -> None:
    forge = Forge(tmp_path)
    carol = forge.people["carol"]
    forge.follow("January: you create")
    carol.shell("git clone --quiet URL community")
    carol.tarkpm("key", "generate", "--name", "maintainer")
    forge.both("claim", "note-store", "--publisher", forge.keys["quinn"])
    forge.both("claim", "web-fetch", "--publisher", forge.keys["rene"])
    forge.publish("quinn", "note-store", "1.0.0")
    forge.publish("rene", "web-fetch", "1.0.0")

    forge.submit("pat", "text-tools", "1.1.0")
    assert "would accept text-tools 1.1.0" in forge.follow("February")
    forge.follow("April", NEW=lambda: forge.publishers["quinn"].key("second"))
    assert "no problems found" in forge.follow("June", NEW=lambda: forge.people["forge"].public("online-2"))
    forge.follow("August")
    forge.publish("rene", "web-fetch", "1.1.0")
    forge.follow("September")
    forge.publish("rene", "web-fetch", "1.2.0")
    forge.follow(
        "October", STOLEN=lambda: forge.keys["rene"], NEW=lambda: forge.publishers["rene"].key("second")
    )
    assert "withdraw an advisory: x_COMMUNITY-2026-0001 of note-store" in forge.follow("November")
    forge.follow("July")
    assert "no problems found (3 plugins, 5 releases)" in forge.type(carol, "tarkpm index check --deep")
