"""README.md and the guides: every session shows what the program prints.

After a change of texts, `README_WRITE=1 python3 dev.py test tests/flows/test_readme.py` rewrites the sessions.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gitrepo import GitRepo
from support.gitserver import GitServer
from support.sandbox import PLUGINS, Sandbox
from support.terminal import Terminal

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / name
    for name in (
        "README.md",
        "docs/getting-started.md",
        "docs/everyday.md",
        "docs/ci.md",
        "docs/troubleshooting.md",
        "docs/sdk/publishing.md",
    )
]
SESSION = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|^.*\r(?!\n)", re.MULTILINE)
RANDOM = re.compile(
    r"ed25519:[\w+/]{8}(?:…|[\w+/]{35}=)|sha256:[0-9a-f]{12}(?:…|[0-9a-f]{52})|\b[0-9a-f]{40}\b"
    r"|(?<= at )[0-9a-f]{12}\b|\b\d{4}-\d\d-\d\dT[\d:]+Z"
)
"""Keys, digests, commits and times: they differ from run to run."""


class Story:
    """Commands typed on the machines of several people, and what each printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self.index, self.git = folder / "community", GitServer(folder / "git")

    def person(self, name: str, project: str) -> Sandbox:
        """Return somebody on a machine of their own, in an empty project folder."""
        person = Sandbox(self.folder / name)
        person.cwd = person.cwd.rename(person.cwd.with_name(project))
        self.show(str(person.cwd), f"/home/you/{project}")
        self.show(str(person.home), "/home/you")
        return person

    def show(self, real: str, shown: str) -> None:
        """Write ``shown`` where the program prints ``real``."""
        self._shown[real] = shown

    def type(self, person: Sandbox, line: str, answer: str = "", status: int = 0) -> str:
        """Type a command and perhaps the answer to its question; return the output."""
        with Terminal(person, *shlex.split(line)[1:], env={"NO_COLOR": "1"}, columns=400) as terminal:
            if answer:
                terminal.expect("[y/N]: ")
                terminal.type(f"{answer}\n")
            result = terminal.finish()
        assert result.status == status, result
        printed = self._as_shown(ESCAPES.sub("", result.err.replace("\r\n", "\n")))
        self.printed[self._as_shown(line)] = printed
        return printed

    def _as_shown(self, text: str) -> str:
        for real in sorted(self._shown, key=len, reverse=True):
            text = text.replace(real, self._shown[real])
        return text


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path)
    with story.git:
        yield story


def test_every_session_is_what_the_program_prints(story: Story) -> None:
    tell(story)
    for page in PAGES:
        text = page.read_text()
        if os.environ.get("README_WRITE"):
            page.write_text(SESSION.sub(lambda session: rewritten(session.group(), story), text))
            continue
        commands = [found for session in SESSION.findall(text) for found in COMMAND.findall(session)]
        assert commands, page
        wanted = {without_random(line): without_random(output) for line, output in commands}
        printed = {without_random(line): without_random(output) for line, output in story.printed.items()}
        assert wanted == {line: printed.get(line, "is not typed here") for line in wanted}, page


def rewritten(session: str, story: Story) -> str:
    """Return a session with the outputs of this run."""
    printed = {without_random(line): (line, output) for line, output in story.printed.items()}

    def again(found: re.Match[str]) -> str:
        line, output = printed[without_random(found.group(1))]
        return f"$ {line}\n{output}"

    return COMMAND.sub(again, session)


def without_random(text: str) -> str:
    """Return a text that is the same in every run."""
    return RANDOM.sub("…", text)


def tell(story: Story) -> None:
    """Type everything that the pages show, in an order in which it can happen."""
    build = [sys.executable, str(ROOT / "index" / "build.py"), str(story.index)]
    done = subprocess.run(build, stdout=subprocess.PIPE, text=True, check=True)
    root = done.stdout.split()[-1]
    you, developer = story.person("you", "app"), story.person("developer", "plugins")
    with you.spawn("index", "serve", story.index) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip().rstrip("/")
            story.show(url, "https://index.example.com")
            story.show(story.git.url("text-tools"), "https://git.example.com/text-tools.git")
            use_an_index(story, you, f"{url} --root {root}")
            share(story, you)
            publish(story, developer)
            use_git(story, f"{url} --root {root}")
        finally:
            server.terminate()


def use_an_index(story: Story, you: Sandbox, index: str) -> None:
    """A first session."""
    story.type(you, "tarkpm init --tark-version 0.12.6")
    story.type(you, f"tarkpm index add community {index}")
    story.type(you, "tarkpm search text")
    story.type(you, "tarkpm add text-tools", "y")
    story.type(you, """tarkpm call text-tools text-stats '{"text":"a b c"}'""")
    story.type(you, "tarkpm verify")
    story.type(you, "tarkpm list")
    story.type(you, "tarkpm info text-tool", status=2)


def share(story: Story, you: Sandbox) -> None:
    """A colleague's first session, and CI's."""
    colleague, runner = story.person("colleague", "clone"), story.person("runner", "clone")
    for person in (colleague, runner):
        for document in ("tark.toml", "tark.lock"):
            shutil.copy(you.cwd / document, person.cwd)
    printed = story.type(runner, "tarkpm accept --print")
    digest = printed.rpartition("=")[2].strip()
    story.type(runner, f"tarkpm sync --accept-project={digest}")
    story.type(colleague, "tarkpm sync", "y")
    story.type(colleague, "tarkpm accepted")
    story.type(colleague, "tarkpm accepted --forget .")


def publish(story: Story, developer: Sandbox) -> None:
    """A publisher signs a release and pushes it."""
    shutil.copytree(PLUGINS / "text-tools", developer.cwd / "text-tools")
    story.type(developer, "tarkpm key generate --name release")
    story.type(developer, "tarkpm sign ./text-tools --key release")
    repo = GitRepo(story.folder / "repository")
    for file in filter(Path.is_file, (developer.cwd / "text-tools").iterdir()):
        repo.write(file.name, file.read_bytes())
    repo.commit("first")
    repo.tag("v1.0.0")
    repo.publish(story.git.root, "text-tools")


def use_git(story: Story, index: str) -> None:
    """A plugin from git, and then another publisher's plugin of the same name."""
    you = story.person("another", "app")
    you.run("init", "--tark-version", "0.12.6").ok()
    story.type(you, f"tarkpm add {story.git.url('text-tools')} --tag v1.0.0", "y")
    you.run("call", "text-tools", "save-note", '{"key":"todo","text":"write"}').ok()
    you.run("index", "add", "community", *index.split()).ok()
    story.type(you, "tarkpm add community:text-tools --keep-data", "y")
