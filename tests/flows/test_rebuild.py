"""`tarkpm rebuild`: a release is built again from the commit that it names, and compared."""

import base64
import json
import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.community import Community
from support.example_plugins import BUILT
from support.gitserver import GitRepo, GitServer
from support.rebuilding import NAME, Author
from support.sandbox import Result, Sandbox

from tarkpm.core.digest import sha256
from tarkpm.core.rebuilt import Rebuild, RebuiltRelease, read_rebuild, sign_rebuild
from tarkpm.core.version import Version
from tarkpm.store.keys import KeyStore

IN_C = [folder for folder in BUILT if (folder / "plugin.c").is_file()]


@pytest.fixture
def author(sandbox: Sandbox, server: GitServer) -> Author:
    """An author with nothing released, and a project that uses nothing."""
    sandbox.init()
    return Author(sandbox, server)


def test_a_release_is_rebuilt_from_the_commit_that_its_statement_names(author: Author) -> None:
    sources = author.repo.rev("HEAD")
    author.release()
    out = author.rebuild("--tag", "v0.1.0").ok().out.splitlines()
    assert out[:3] == [
        f"{NAME} 0.1.0: the rebuild has the same bytes",
        f"  source     {author.url} commit {sources} folder {NAME}",
        "  toolchain  ziglang 0.17.1",
    ]
    # of what is locked, the locked release is meant
    author.sandbox.run("add", author.url, "--path", NAME, "--trust", author.key).ok()
    report = author.sandbox.run("rebuild", f"{NAME}@0.1.0", "--json").ok().json
    assert (report["same"], report["signer"], report["differences"]) == (True, author.key, [])
    assert report["source"] == {
        "git": author.url, "commit": sources, "path": NAME, "toolchain": "ziglang 0.17.1",
    }  # fmt: skip
    assert report["statement"] == sha256((author.folder / "plugin.dsse.json").read_bytes())
    assert not list((author.sandbox.store / "builds").glob(".rebuild-*")), "nothing is left behind"


def test_what_differs_is_named(author: Author) -> None:
    author.sandbox.run("build", author.folder).ok()
    author.edit("word", "w0rd")
    author.commit("other sources than those that were built")
    author.forget()
    author.sign("--source", author.url).ok()
    author.commit("release")
    author.push()
    failed = author.rebuild()
    assert failed.status == 1, failed
    assert f"{NAME} 0.1.0: the rebuild DIFFERS" in failed.out
    assert "differs    sections that differ: core module 1: data" in failed.out
    assert re.search(r"plugin.wasm (differs from byte|has) [\d,]+", failed.out)


@pytest.mark.slow
def test_another_toolchain_and_other_files_are_named(author: Author) -> None:
    author.sandbox.run("build", author.folder).ok()
    for record in (author.sandbox.store / "builds").glob("folder-*"):
        record.write_text(record.read_text().replace("ziglang 0.17.1", "ziglang 0.15.0"))
    author.sign("--source", author.url).ok()
    author.commit("release")
    author.push()
    named = "toolchain  ziglang 0.17.1 (the release names ziglang 0.15.0)"
    assert named in author.rebuild().ok().out
    # signed by hand: a README that the commit lacks, and a module of another compiler
    author.release_by_hand(readme="another", byte=1)
    out = author.rebuild().out
    assert "differs    README.md differs from the one in the commit" in out
    assert "it was built with ziglang 0.17.1 here, and the release with ziglang 0.15.0" in out


def test_the_source_must_be_committed(author: Author) -> None:
    author.sandbox.run("build", author.folder).ok()
    (author.folder / "README.md").write_text("edited")
    command = f"tarkpm sign {author.folder} --key author"
    author.sign("--source", author.url).failed(2, "not committed: README.md (modified)", command)
    author.commit("edited")
    author.forget()  # on the machine that built it, `sign` wants it to be built again
    (author.folder / "extra.h").write_text("")
    author.sign("--source", author.url).failed(2, "not committed: extra.h (untracked)")
    (author.folder / "extra.h").unlink()
    for url in ("file:///srv/word-count", "git@example.com:o/word-count", "ssh://git@example.com/o/w"):
        author.sign("--source", url).failed(2, "expected the https URL of a repository", "--source")
    author.sign("--source", "github:owner/word-count").ok()
    copy = author.sandbox.cwd / "copy"
    shutil.copytree(author.folder, copy)
    author.sandbox.run("sign", copy, "--key", "author", "--source", author.url).failed(
        2, "there is no git repository here", f"tarkpm sign {copy} --key author"
    )


def test_publish_names_the_source_too(author: Author) -> None:
    author.sandbox.run("build", author.folder).ok()
    author.sign().ok()
    words = (
        "publish",
        author.folder,
        "--to",
        "out",
        "--key",
        "author",
        "--allow-dirty",
        "--source",
        author.url,
    )
    report = author.sandbox.run(*words, "--json").ok().json
    assert report["source"]["commit"] == author.repo.rev("HEAD")
    author.sandbox.run(*words[:4], "--allow-dirty", "--source", author.url).failed(
        3,
        f"plugin.dsse.json names no source, expected {author.url} commit {author.repo.rev('HEAD')}",
        f"help: tarkpm sign {author.folder} --key author --source {author.url}",
    )
    shown = author.sandbox.run(*words).ok().out
    assert f"  source   {author.url} commit {author.repo.rev('HEAD')}" in shown


def test_a_release_that_names_no_source(author: Author) -> None:
    author.sandbox.run("rebuild", "./here").failed(2, "here")
    (author.sandbox.cwd / "here").mkdir()
    author.sandbox.plugin(author.sandbox.cwd / "here")
    author.sandbox.run("rebuild", "./here").failed(2, "does not name the commit", "tarkpm sign --source URL")


def test_the_example_plugins_in_c_match_bit_for_bit(sandbox: Sandbox, server: GitServer) -> None:
    repo = GitRepo(sandbox.root / "repos" / "plugins")
    for folder in IN_C:
        shutil.copytree(folder, sandbox.root / "repos" / "plugins" / folder.name)
    repo.git("add", "--all", "--force")
    repo.commit("plugins")
    repo.publish(server.root, "plugins")
    sandbox.init()
    for folder in IN_C:
        said = sandbox.run("rebuild", server.url("plugins"), "--path", folder.name).ok().out
        assert sha256((folder / "plugin.wasm").read_bytes()) in said


class Listed:
    """An index that lists the author's release, and a project of ``you`` that uses it."""

    def __init__(self, author: Author) -> None:
        self.author, self.you = author, author.sandbox
        author.sandbox.run("build", author.folder).ok()
        self.community = Community(author.sandbox)
        self.community.keys["author"] = author.key
        self.community.claim(NAME, "author")
        self.accept(self.publish())
        author.push()
        root = self.community.folder / "metadata" / "1.root.json"
        self.you.run("index", "add", "community", self.community.folder, "--root", root).ok()

    def publish(self) -> Path:
        """The folder of a release that names its source."""
        words = ("--to", "submissions", "--key", "author", "--source", self.author.url, "--json")
        return Path(self.you.run("publish", self.author.folder, *words).ok().json["folder"])

    def accept(self, path: Path) -> Result:
        """The maintainers list a release or a rebuild."""
        return self.community.run("accept", path)

    def attest(self, who: str) -> Path:
        """Somebody else rebuilds the release and signs the outcome."""
        if who not in self.community.keys:
            self.community.key(who)
        file = self.you.cwd / f"{who}.json"
        self.you.run("rebuild", f"{NAME}@0.1.0", "--attest", file, "--key", who)
        return file


@pytest.fixture
def listed(author: Author) -> Listed:
    return Listed(author)


def test_an_index_lists_who_rebuilt_a_release(listed: Listed) -> None:
    assert "Rebuilt" not in listed.you.run("info", NAME).ok().out
    for count, who in enumerate(("rita", "rob"), 1):
        said = listed.accept(listed.attest(who)).ok().out
        assert f"listed a rebuild of {NAME} 0.1.0: the same bytes" in said
        assert f"rebuilt    by {count} with the same bytes" in said
    listed.accept(listed.you.cwd / "rob.json").failed(2, "by ed25519:", "is listed")
    listed.community.run("check", "--deep").ok()
    assert "Rebuilt:      by 2, with the same bytes\n" in listed.you.run("info", NAME).ok().out
    listed.you.run("add", NAME).ok()
    installed = listed.you.run("info", NAME, "--json").ok().json
    assert installed["rebuilt_by"] == sorted(listed.community.keys[who] for who in ("rita", "rob"))
    listed.community.run("yank", f"{NAME}@0.1.0", "--reason", "broken").ok()
    assert "by 2, with the same bytes" in listed.you.run("info", f"community:{NAME}@0.1.0").ok().out
    attestation = json.loads((listed.you.cwd / "rob.json").read_text())
    said = json.loads(base64.b64decode(attestation["payload"]))
    assert said["predicateType"] == "urn:tarkpm:rebuild:1"
    assert said["predicate"]["same"] is True
    assert {one["name"] for one in said["subject"]} == {"LICENSE", "README.md", "plugin.toml", "plugin.wasm"}


def test_what_an_attestation_needs(listed: Listed) -> None:
    you = listed.you
    you.run("rebuild", NAME, "--attest", "a.json").failed(2, "--attest and --key go together")
    you.run("rebuild", NAME, "--attest", "a.json", "--key", "none").failed(2, "there is no key named 'none'")
    own = you.run("rebuild", NAME, "--attest", "a.json", "--key", "author")
    own.failed(3, "signed the release itself", "tarkpm key generate")
    nowhere = you.run("rebuild", NAME, "--attest", "none/a.json", "--key", "author")
    nowhere.failed(2, "the folder does not exist", str(you.cwd / "none"))
    # of a repository on this disk, nobody else can say anything
    listed.author.sign().ok()
    listed.author.commit("released")
    listed.community.key("rita")
    place = f"file://{listed.author.repo.folder}"
    here = you.run("rebuild", place, "--path", NAME, "--attest", "a.json", "--key", "rita")
    here.failed(2, "others cannot fetch the source", "expected the https URL of a repository")
    (you.cwd / "b.json").write_text("{}")
    listed.accept(you.cwd / "b.json").failed(3, "malformed")
    assert not (you.cwd / "a.json").exists()


def test_what_an_index_lists_of_no_rebuild(listed: Listed) -> None:
    """Attestations that are signed, made by hand."""
    about, rita = read_rebuild(listed.attest("rita").read_bytes(), where="x")

    def accept(who: str, about: RebuiltRelease, rebuild: Rebuild) -> Result:
        key, signer = KeyStore.in_state(listed.you.state).load(who, bytes)
        file = listed.you.cwd / "by-hand.json"
        file.write_bytes(sign_rebuild(about, rebuild, key=key, signer=signer))
        return listed.accept(file)

    accept("author", about, rita.rebuild).failed(3, "is a key of the publisher of 'word-count'")
    elsewhere = replace(rita.rebuild.source, commit="b" * 40)
    accept("rita", about, replace(rita.rebuild, source=elsewhere)).failed(
        2, "is about a build of", "names http"
    )
    other = replace(about, files=about.files[1:])
    accept("rita", other, rita.rebuild).failed(3, "is about another release")
    unknown = replace(about, version=Version.parse("9.9.9"))
    accept("rita", unknown, rita.rebuild).failed(2, "the index does not list word-count 9.9.9")
    accept("rita", about, replace(rita.rebuild, same=False)).ok()
    assert "Rebuilt:      by 1, with OTHER bytes\n" in listed.you.run("info", NAME).ok().out
