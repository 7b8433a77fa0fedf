"""`info`, `versions` and `inspect` of what is not installed: nothing is installed, run or asked about."""

import re
from pathlib import Path

from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import PLUGINS, Sandbox

from tarkpm.core.layout import SEARCH
from tarkpm.core.release import PluginName
from tarkpm.core.search import SearchEntry, render
from tarkpm.core.version import Version


def files(sandbox: Sandbox) -> set[str]:
    """The files of the user and the project, without caches: what indexes said is kept for offline use."""
    found = (path for root in (sandbox.home, sandbox.cwd) for path in root.rglob("*") if path.is_file())
    names = ("indexes", "advisories", "mac.key")
    kept = (str(sandbox.store), *(str(sandbox.state / name) for name in names))
    return {str(path) for path in found if not str(path).startswith(kept)}


def listed(indexed: IndexedProject, *names: str) -> None:
    entries = [SearchEntry(PluginName(name), Version.parse("1.0.0"), "tool") for name in names]
    indexed.repo.put(SEARCH, render(entries))
    indexed.repo.publish()


def test_a_repository(sandbox: Sandbox, publisher: Publisher) -> None:
    commit = publisher.release()
    publisher.release("1.1.0")
    sandbox.init()
    before = files(sandbox)
    page = sandbox.run("info", publisher.url).ok().out
    assert "Version:      1.1.0\n" in page
    assert "Status:       not installed\n" in page
    assert f"Signer:       {publisher.key} (NOT trusted yet: compare it" in page
    assert "Tools:        not known: the plugin lists them when it runs" in page
    assert "Versions:     1.1.0, 1.0.0\n" in page
    assert "License:      MIT\n" in page
    assert "Declared capabilities\n  storage: store its own data\n" in page
    assert page.endswith(f"To install it: tarkpm add {publisher.url}\n")
    found = sandbox.run("info", publisher.url, "--tag", "v1.0.0", "--json").ok().json
    assert (found["version"], found["commit"], found["trust"]) == ("1.0.0", commit, "unknown")
    assert found["command"] == f"tarkpm add {publisher.url} --tag v1.0.0"
    shown = sandbox.run("inspect", publisher.url, "--json").ok().json
    assert (shown["path"], shown["fits"]) == (f"{publisher.url} HEAD: plugin.wasm", ["tool"])
    assert files(sandbox) == before
    # What the command says is what has to be typed, and then it is installed and shown as before.
    options = ("--trust", publisher.key, "--accept-capabilities")
    sandbox.run(*found["command"].split()[1:], *options).ok()
    assert "\nPaths\n" in sandbox.run("info", "text-tools").ok().out
    assert sandbox.run("info", publisher.url, "--json").ok().json["trust"] == "trusted"


def test_a_repository_of_several_plugins(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(folder="plugins/text-tools")
    sandbox.run("info", publisher.url).failed(
        2, "no plugin.toml in the top folder or its dist/, but in 'plugins/"
    )
    found = sandbox.run("info", publisher.url, "--path", "plugins/text-tools", "--json").ok().json
    assert found["command"] == f"tarkpm add {publisher.url} --path plugins/text-tools"
    for verb in ("info", "versions", "inspect"):
        gone = sandbox.run(verb, publisher.url.replace("text-tools", "no-such"))
        gone.failed(2, "there is no such repository", "help: try it with git: git ls-remote")


def test_an_index(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        indexed.release("word-count", version, 'license = "MIT"')
    indexed.use()
    before = files(sandbox)
    page = sandbox.run("info", "word-count").ok().out
    assert re.search(r"Signer: +ed25519:\S+ \(vouched for by the index\)\n", page)
    assert "Version:      1.1.0\n" in page
    assert "Versions:     2.0.0-rc.1, 1.1.0, 1.0.0\n" in page
    found = sandbox.run("info", "word-count@1.0.0", "--json").ok().json
    assert (found["version"], found["command"]) == ("1.0.0", "tarkpm add community:word-count@=1.0.0")
    assert found["size"] == found["versions"][-1]["size"]
    assert sandbox.run("inspect", "word-count", "--json").ok().json["path"] == "index community: plugin.wasm"
    assert files(sandbox) == before
    missing = "index community has no release of 'word-count' in =9"
    sandbox.run("info", "word-count@9").failed(2, missing, "help: tarkpm versions community:word-count")
    # Locked, but not installed: what the lock pins of it is shown.
    sandbox.run("add", "word-count@1.0.0").ok()
    (sandbox.cwd / ".tark" / "plugins" / "word-count").rename(sandbox.root / "away")
    found = sandbox.run("info", "word-count", "--json").ok().json
    assert (found["status"], found["version"], found["command"]) == ("missing", "1.0.0", "tarkpm sync")
    assert found["tools"]


def test_what_was_revoked_is_not_offered(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("word-count", "1.0.0")
    row = indexed.repo.release("word-count", "1.1.0", indexed.keys["word-count"])
    indexed.repo.claim("word-count", indexed.keys["word-count"], revoked=[row.statement.sha256])
    indexed.repo.publish()
    indexed.use()
    found = sandbox.run("info", "word-count", "--json").ok().json
    assert (found["version"], found["versions"][0]["note"]) == ("1.0.0", "revoked")
    page = sandbox.run("info", "word-count@1.1.0").ok().out
    assert "Withdrawn:    revoked\nRefused:      " in page
    assert "To install it" not in page


def test_a_name_that_no_index_has(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("word-count")
    listed(indexed, "word-count", "other")
    indexed.use()
    meant = "has no plugin named 'word-cuont'; did you mean 'word-count'?"
    for verb, way in (("info", "info"), ("versions", "versions"), ("inspect", "info"), ("add", "add")):
        sandbox.run(verb, "word-cuont").failed(2, meant, f"help: tarkpm {way} community:word-count")
    assert sandbox.run("search", "word-cuont").ok().out == "No plugin matches. Did you mean 'word-count'?\n"
    sandbox.run("info", "zzz").failed(2, "has no plugin named 'zzz'\n", "help: tarkpm index list")
    # A near name that is installed is nearer than any index.
    sandbox.run("add", "word-count").ok()
    sandbox.run("info", "word-coun").failed(
        2, "is installed; did you mean 'word-count'?", "help: tarkpm list"
    )
    more = ("--root", indexed.repo.root_digest[:-4] + "0000", "--offline")
    sandbox.run("index", "add", "second", indexed.server.url, *more).ok()
    for verb in ("info", "versions", "inspect"):
        several = "'other' is ambiguous: this project has several indexes: community, second"
        sandbox.run(verb, "other").failed(2, several, f"help: tarkpm {verb} community:other")


def test_a_folder(sandbox: Sandbox) -> None:
    sandbox.init()
    before = files(sandbox)
    folder = str(PLUGINS / "text-tools")
    page = sandbox.run("info", folder).ok().out
    assert "Signer:       none: a working copy\n" in page
    assert page.endswith(f"To install it: tarkpm add {folder}\n")
    assert "Fits:     tool\n" in sandbox.run("inspect", folder).ok().out
    assert files(sandbox) == before
    (sandbox.cwd / "nothing").mkdir()
    sandbox.run("info", "./nothing").failed(2, "no plugin.toml in the top folder")
    sandbox.run("info", "nothing").failed(2, "'nothing' is a folder", "help: tarkpm info ./nothing")
    several = str(PLUGINS)
    sandbox.run("info", several).failed(2, "no plugin.toml in the top folder or its dist/, but in ")


def test_a_login_in_the_url_is_shown_nowhere(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    url = publisher.url.replace("://", "://somebody:s3cret@")
    shown = sandbox.run("info", url, "--json").ok()
    assert "s3cret" not in shown.out + shown.err


def test_an_unsigned_release_and_one_that_is_forged(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    assert "Signer:       UNSIGNED: no publisher vouches" in sandbox.run("info", publisher.url).ok().out
    publisher.release("1.1.0")
    module = Path(publisher.folder / "plugin.toml")
    module.write_text(module.read_text() + "# other bytes\n")
    publisher.repo.git("add", "--all")
    publisher.repo.commit("forged")
    publisher.publish()
    sandbox.run("info", publisher.url).failed(3)
    sandbox.run("inspect", publisher.url).failed(3)
