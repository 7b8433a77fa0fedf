"""`versions`: of an index, of a repository, of what is not installed."""

from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox


def test_of_an_index(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.0.0", published=86_400)
    for version in ("1.10.0", "1.9.0"):
        indexed.release("text-tools", version)
    indexed.use()
    report = sandbox.run("versions", "text-tools", "--json").ok().json
    assert [row["version"] for row in report["versions"]] == ["1.10.0", "1.9.0", "1.0.0"]
    assert all(row["size"] > 1_000 for row in report["versions"])
    sandbox.run("add", "text-tools@1.9.0", "--accept-capabilities").ok()
    lines = sandbox.run("versions", "text-tools").ok().out.splitlines()
    assert lines[0].split()[:2] == ["Version", "Published"]
    assert [line.split()[1] for line in lines[1:]] == ["-", "-", "1970-01-02"]
    assert [line.split()[-1] == "locked" for line in lines] == [False, False, True, False]
    sandbox.run("versions", "text-tool").failed(
        2,
        "has no plugin named 'text-tool'; did you mean 'text-tools'?",
        "help: tarkpm versions community:text-tools",
    )
    sandbox.run("versions", "nothing-like-it").failed(
        2, "has no plugin named 'nothing-like-it'\n", "help: tarkpm index list"
    )


def test_of_a_repository(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    for tag in ("v1.10.0", "v1.9.0", "nightly", "v1"):
        publisher.repo.tag(tag)
    publisher.publish()
    sandbox.init()
    listed = sandbox.run("versions", publisher.url).ok().out.splitlines()
    assert [line.split()[0] for line in listed] == ["Version", "1.10.0", "1.9.0", "1.0.0"]
    options = ("--tag", "v1.9.0", "--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, *options).ok()
    report = sandbox.run("versions", "text-tools", "--json").ok().json
    assert [(row["tag"], row["note"]) for row in report["versions"]][1] == ("v1.9.0", "locked")


def test_of_a_folder(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "mine")
    sandbox.run("versions", "./mine").failed(2, "a folder has one version", "tarkpm check ./mine")
