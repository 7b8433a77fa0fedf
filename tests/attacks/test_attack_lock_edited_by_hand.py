"""The lock decides nothing: whatever is edited in it is refused, or leads to the very same signed bytes."""

import re

import pytest

from attacks.tampering import World, call, help_of, installed_files, snapshot, unchanged, write


def _value(world: World, pattern: str) -> str:
    match = re.search(pattern, world.lock.decode())
    assert match, pattern
    return match[1]


@pytest.mark.parametrize("file", ["plugin.toml", "plugin.wasm"])
def test_a_file_digest(world: World, file: str) -> None:
    digest = _value(world, f'name = "{file}", sha256 = "([0-9a-f]+)"')
    world.edit("tark.lock", (digest, "0" * 64))
    world.refused(3, "the source contents of 'text-tools' differ from tark.lock", "text-tools")
    hint = help_of(world.sync_fresh())
    assert hint == ["update", "text-tools"]


@pytest.mark.parametrize("file", ["plugin.toml", "plugin.wasm"])
def test_a_file_size(world: World, file: str) -> None:
    size = _value(world, f'name = "{file}", sha256 = "[0-9a-f]+", size = ([0-9]+)')
    world.edit("tark.lock", (f"size = {size} }},", f"size = {int(size) + 1} }},"))
    world.refused(3, "the source contents of 'text-tools' differ from tark.lock")


def test_the_statement_digest(world: World) -> None:
    digest = _value(world, 'statement = { sha256 = "([0-9a-f]+)"')
    world.edit("tark.lock", (digest, "0" * 64))
    world.refused(3, "the source contents of 'text-tools' differ from tark.lock", verify=1)


def test_the_statement_size(world: World) -> None:
    size = _value(world, 'statement = { sha256 = "[0-9a-f]+", size = ([0-9]+)')
    world.edit("tark.lock", (f"size = {size} }}\n", f"size = {int(size) - 1} }}\n"))
    world.refused(3, "the source contents of 'text-tools' differ from tark.lock")


def test_the_digest_of_one_file_put_for_another(world: World) -> None:
    """Both blobs are in the store, so nothing is fetched: the signed statement has the last word."""
    wasm = _value(world, r'name = "plugin.wasm", (sha256 = "[0-9a-f]+", size = [0-9]+)')
    toml = _value(world, r'name = "plugin.toml", (sha256 = "[0-9a-f]+", size = [0-9]+)')
    world.edit("tark.lock", (wasm, toml))
    with unchanged(world.victim):
        world.victim.run("sync", "--offline").failed(3, "differ from the signed ones")
        world.victim.run("verify").failed(3)
        call(world.victim).failed(1, "tark.lock changed since 'text-tools' was installed")
    world.sync_fresh().failed(3)


def test_the_signer(world: World) -> None:
    world.edit("tark.lock", (world.publisher.key, world.evil_key))
    world.refused(3, f"'text-tools' is locked with signer {world.evil_key}, which [trust] does not list")


def test_the_signer_with_its_trust(world: World) -> None:
    """Editing tark.toml, too, asks whoever syncs; and accepted, the bytes still are not signed by that key."""
    for file in ("tark.lock", "tark.toml"):
        world.edit(file, (world.publisher.key, world.evil_key))
    with unchanged(world.victim):
        world.victim.run("sync").failed(4, f"trust {world.evil_key} for 'text-tools'")
        call(world.victim).failed(4, f"trust {world.evil_key} for 'text-tools'")
        world.victim.run("verify").failed(3)
    world.mate.run("sync").failed(4)
    world.sync_fresh().failed(3, f"'text-tools' is signed by {world.publisher.key}, but tark.lock names")


def _evil(world: World, tag: str) -> None:
    """Replace the lock by one for what the attacker's commit holds, keeping what was asked for."""
    from tarkpm.core import lockfile
    from tarkpm.core.release import GitSource
    from tarkpm.core.verification import verify_release

    commit = world.commits[tag]
    git = world.publisher.repo.git
    names = git("ls-tree", "--name-only", commit).split()
    files = {name: _blob(world, commit, name) for name in names}
    envelope = files.pop("plugin.dsse.json", None)
    source = GitSource(world.publisher.url, tag="v1.0.0", commit=commit)
    entry = verify_release(files, envelope, source, where="evil").entry()
    for sandbox in (world.victim, world.mate):
        write(sandbox.cwd / "tark.lock", lockfile.render(lockfile.Lock.of([entry])))


def _blob(world: World, commit: str, name: str) -> bytes:
    import subprocess

    command = ["git", "-C", str(world.publisher.folder), "cat-file", "blob", f"{commit}:{name}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_a_whole_entry_that_fits_what_the_attacker_serves(world: World) -> None:
    _evil(world, "evil")
    world.refused(3, f"is locked with signer {world.evil_key}, which [trust] does not list")


def test_a_whole_entry_without_a_signature_that_fits_what_the_attacker_serves(world: World) -> None:
    _evil(world, "unsigned")
    world.refused(4, "'text-tools' is locked without a signature, which tark.toml does not allow", verify=1)


def test_the_signer_line_alone_stripped(world: World) -> None:
    signer = _value(world, "(signer = .*\nstatement = .*\n)")
    world.edit("tark.lock", (signer, ""))
    world.refused(4, "'text-tools' is locked without a signature, which tark.toml does not allow")


def test_the_commit_of_other_bytes(world: World) -> None:
    """The source holds something else at that commit. Where the bytes are at hand already, they stay."""
    world.edit("tark.lock", (world.commits["v1.0.0"], world.commits["evil"]))
    before = installed_files(world.victim)
    world.victim.run("verify").failed(1, "tark.lock changed since this was installed")
    call(world.victim).failed(1, "tark.lock changed since 'text-tools' was installed")
    assert installed_files(world.victim) == before
    world.sync_fresh().failed(3, "is not in the history of tag v1.0.0")
    assert not list(world.mate.plugins.glob("*"))


def test_the_commit_and_digests_of_an_older_signed_release(world: World) -> None:
    """Only what its publisher signed can be named. Where a newer one was accepted, going back asks."""
    _evil(world, "v0.9.0")
    call(world.victim).failed(4, "go back to an older release of 'text-tools': 1.0.0 → 0.9.0")
    world.victim.run("verify").failed(4, "tark.lock changed since this was installed")
    world.sync_fresh().ok()
    assert world.mate.run("list", "--json").ok().json["plugins"][0]["version"] == "0.9.0"
    world.mate.run("verify").ok()


def test_an_older_versions_bytes_under_the_locked_version(world: World) -> None:
    _evil(world, "v0.9.0")
    world.edit("tark.lock", ('version = "0.9.0"', 'version = "1.0.0"'))
    text = "run 'text-tools' 1.0.0 with other contents than you accepted under that version"
    world.victim.run("sync").failed(4, text)
    call(world.victim).failed(4, text)
    differs = "'text-tools' has version '0.9.0' in plugin.toml, but '1.0.0' in tark.lock"
    world.sync_fresh().failed(1, differs)


def test_a_commit_that_is_gone(world: World) -> None:
    world.edit("tark.lock", (world.commits["v1.0.0"], "1" * 40))
    world.sync_fresh().failed(2, "1" * 40)
    assert not list(world.mate.plugins.glob("*"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tag = "v1.0.0"', 'tag = "v1.1.0"'),
        ('tag = "v1.0.0"', 'branch = "main"'),
        ('tag = "v1.0.0", commit', 'tag = "v1.0.0", path = "sub", commit'),
    ],
)
def test_what_was_asked_for(world: World, old: str, new: str) -> None:
    world.edit("tark.lock", (old, new))
    world.refused(1, "'text-tools' is locked from", "tark.toml requires", "help: tarkpm lock")


def test_the_source_url_with_a_matching_server(world: World) -> None:
    """The attacker's server has the very same repository; it is not even asked."""
    world.edit("tark.lock", (world.publisher.url, world.evil_url))
    world.refused(1, "'text-tools' is locked from", "tark.toml requires")
    assert world.server.requests == []


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('version = "1.0.0"', 'version = "9.0.0"', "version"),
        ('type = "tool"', 'type = "hook"', "type"),
        ('min_tark_version = "0.6.0"', 'min_tark_version = "0.5.0"', "min_tark_version"),
        ('min_tark_version = "0.6.0"\n', "", "min_tark_version"),
        (
            'min_tark_version = "0.6.0"\n',
            'min_tark_version = "0.6.0"\nrequires = ["other ^1"]\n',
            "requires",
        ),
        ('capabilities = ["storage"]', "capabilities = []", "capabilities 'storage'"),
        ('capabilities = ["storage"]', 'capabilities = ["shell"]', "capabilities 'storage'"),
    ],
)
def test_what_plugin_toml_says(world: World, old: str, new: str, field: str) -> None:
    world.edit("tark.lock", (old, new))
    world.refused(1, f"'text-tools' has {field} ", "in plugin.toml", "in tark.lock")


def test_the_name(world: World) -> None:
    world.edit("tark.lock", ('name = "text-tools"', 'name = "other"'))
    world.refused(1, "'text-tools' is in tark.toml, but not in tark.lock")


def test_a_higher_min_tark_version(world: World) -> None:
    world.edit("tark.lock", ('min_tark_version = "0.6.0"', 'min_tark_version = "99.0.0"'))
    world.refused(2, "'text-tools' requires tark 99.0.0 or newer, but this project is for tark 0.12.6")


def _entry(world: World) -> str:
    return world.lock.decode().partition("\n[[plugin]]\n")[2]


def test_an_added_entry(world: World) -> None:
    added = _entry(world).replace('name = "text-tools"', 'name = "other"', 1)
    world.append("tark.lock", f"\n[[plugin]]\n{added}")
    world.refused(1, "'other' is in tark.lock, but nothing in tark.toml requires it", other="other")
    assert world.server.requests == []
    assert help_of(world.victim.run("sync")) == ["lock"]
    world.victim.run("lock").ok()
    assert (world.victim.cwd / "tark.lock").read_bytes() == world.lock


def test_an_added_entry_with_its_own_keys_from_the_attackers_server(world: World) -> None:
    added = _entry(world).replace('name = "text-tools"', 'name = "other"', 1)
    added = added.replace(world.publisher.key, world.evil_key).replace(world.publisher.url, world.evil_url)
    world.append("tark.lock", f"\n[[plugin]]\n{added}")
    world.refused(1, "'other' is in tark.lock, but nothing in tark.toml requires it", other="other")
    assert world.server.requests == []


def test_a_removed_entry(world: World) -> None:
    world.edit("tark.lock", (f"\n[[plugin]]\n{_entry(world)}", ""))
    world.refused(1, "'text-tools' is in tark.toml, but not in tark.lock")
    call(world.victim).failed(2, "no plugin named 'text-tools' is locked")


def test_a_removed_lock(world: World) -> None:
    for sandbox in (world.victim, world.mate):
        (sandbox.cwd / "tark.lock").unlink()
    before = snapshot(world.victim)
    world.victim.run("sync").failed(1, "there is no tark.lock", "help: tarkpm lock")
    world.sync_fresh().failed(1, "there is no tark.lock")
    call(world.victim).failed(2)
    assert snapshot(world.victim) == before
    for sandbox in (world.victim, world.mate):
        (sandbox.cwd / "tark.lock").write_bytes(world.lock)


@pytest.mark.parametrize("name", ["text-tools", "Text-Tools"])
def test_a_doubled_entry(world: World, name: str) -> None:
    added = _entry(world).replace('name = "text-tools"', f'name = "{name}"', 1)
    added = added.replace(world.publisher.key, world.evil_key)
    world.append("tark.lock", f"\n[[plugin]]\n{added}")
    with unchanged(world.victim):
        for command in ("sync", "verify", "list"):
            world.victim.run(command).failed(2, "a plugin is locked twice")
        call(world.victim).failed(2, "a plugin is locked twice")


def test_a_doubled_entry_with_another_spelling(world: World) -> None:
    added = _entry(world).replace('name = "text-tools"', 'name = "text_tools"', 1)
    world.append("tark.lock", f"\n[[plugin]]\n{added}")
    world.refused(1, "'text_tools' is in tark.lock, but nothing in tark.toml requires it", other="text_tools")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('type = "tool"\n', 'type = "tool"\nyanked = true\n', "'yanked' is not a known key"),
        ("\nversion = 2\n", "\nversion = 2\nmirror = 'x'\n", "mirror"),
        ("\nversion = 2\n", "\nversion = 3\n", "expected version = 1 or 2, found 3"),
        ("\nversion = 2\n", "\nversion = true\n", "version"),
        ("\nversion = 2\n", "\n", "expected version = 1 or 2, found nothing"),
        ("\nversion = 2\n", "\nversion = 1\n", "capabilities: expected version = 2"),
        ('type = "tool"', 'type = "virus"', "type: expected one of auth, tool"),
        ('type = "tool"', "type = 3", "expected a string, found an integer"),
        ('"plugin.wasm"', '"../plugin.wasm"', "expected a plain relative file name"),
        ('"plugin.wasm"', '"/etc/passwd"', "expected a plain relative file name"),
        ('"plugin.wasm"', '".hidden"', "expected a plain relative file name"),
        ('"plugin.wasm"', '"data/plugin.wasm"', "expected a plain relative file name"),
        ('"plugin.wasm"', '"a\\\\b"', "expected a plain relative file name"),
        ('name = "text-tools"', 'name = "../text-tools"', "expected at most 64 letters and digits"),
        ('version = "1.0.0"', 'version = "1.0"', "expected a version like 1.2.3"),
        ('"ed25519:', '"rsa:', "expected ed25519:"),
        ("[[plugin]]", "[plugin]", "plugin"),
        ("[[plugin]]", "[[plugin", "not valid TOML"),
    ],
)
def test_what_no_lock_says(world: World, old: str, new: str, text: str) -> None:
    world.edit("tark.lock", (old, new))
    with unchanged(world.victim):
        for command in ("sync", "verify", "list"):
            world.victim.run(command).failed(2, text, "tark.lock")
        call(world.victim).failed(2, text)
    world.sync_fresh().failed(2, text)
    assert world.server.requests == []


def test_a_lock_of_a_hostile_repository_is_a_link(world: World) -> None:
    path = world.mate.cwd / "tark.lock"
    path.unlink()
    path.symlink_to(world.victim.cwd / "tark.lock")
    world.sync_fresh().failed(2, "expected a regular file, found a symbolic link", "tark.lock")
    path.unlink()
    path.write_bytes(world.lock)
