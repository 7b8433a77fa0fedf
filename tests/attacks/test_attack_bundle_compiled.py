"""A bundle with native code that nobody let run, or with other code than a listed key signed (rule 1, decision 0244)."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.bundling import Forged, carrying, sync, write_tar
from support.compiled_bundle import (
    CODE,
    HERE,
    Compiled,
    Compiling,
    changed,
    compiling,
    configure,
    kept,
    put_statement,
    rename,
    statement,
)
from support.sandbox import Sandbox

from tarkpm.core.bundle.layout import TITLE
from tarkpm.core.compiled import MAX_CODE, CompiledCode

BOTH = ["json-core", "text-tools"]
CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiling]:
    """A bundle that nobody changes: attacks change copies."""
    with compiling(tmp_path_factory.mktemp("bundle")) as found:
        yield found


@pytest.fixture
def compiled(made: Compiling, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    return Compiled(monkeypatch)


def compiles_here(made: Compiling, machine: Sandbox, compiled: Compiled, *notes: str) -> None:
    """`sync` installs everything, compiles it on this machine, and keeps no byte of the bundle's code."""
    out = sync(machine).ok()
    assert sorted(compiled.names) == BOTH
    mine = kept(machine)
    assert mine
    assert not any(code in mine for code in made.codes())
    assert "instead of here" not in out.out + out.err
    for note in notes:
        assert note in out.out + out.err
    if not notes:
        assert "compiled code" not in out.out + out.err
    machine.run(*CALL).ok()


def refused(made: Compiling, forged: Forged, root: Path, status: int, *texts: str) -> None:
    """Where the maker is listed, neither `sync` nor `bundle verify` takes the bundle, and nothing changes."""
    far = made.machine(root, forged.write(root.with_suffix(".tar")))
    sync(far).failed(status, *texts)
    assert not far.plugins.exists() or not list(far.plugins.iterdir())
    assert not kept(far)
    far.run("bundle", "verify", "plugins.tar").failed(status, *texts)


def test_the_victims_everyday_work(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    far = made.machine(tmp_path / "far")
    told = sync(far).ok()
    assert f"compiled by {made.maker} instead of here: 'json-core', 'text-tools'" in told.out + told.err
    assert compiled.names == []
    mine = kept(far)
    assert all(code in mine for code in made.codes())
    far.run(*CALL).ok()
    assert compiled.names == []


# -- nobody let it run


def test_nobody_is_listed(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    far = made.machine(tmp_path / "far", lists="")
    assert (
        "not taken here: 'compiled-by' in config.toml" in far.run("bundle", "verify", "plugins.tar").ok().out
    )
    compiles_here(made, far, compiled)


def test_somebody_else_is_listed(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    far = made.machine(tmp_path / "far", lists=made.carrying.project.sandbox.key("other"))
    compiles_here(
        made, far, compiled, f"is not used: it is by {made.maker}, which 'compiled-by' in config.toml"
    )


def test_the_key_of_a_publisher_is_no_makers(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    """Who may sign releases, and is trusted by the project, may not therefore sign native code."""
    far = made.machine(tmp_path / "far", lists="")
    keys = far.run("bundle", "verify", "plugins.tar", "--json").ok().json
    configure(far, keys["plugins"][0]["signer"])
    compiles_here(made, far, compiled, "the compiled code in the bundle is not used")


@pytest.mark.parametrize(
    "place", [".config/tarkpm/config.toml", ".tarkpm/config.toml", "config.toml", ".tark/config.toml"]
)
def test_a_project_brings_a_configuration(
    made: Compiling, tmp_path: Path, compiled: Compiled, place: str
) -> None:
    far = made.machine(tmp_path / "far", lists="")
    file = far.cwd / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[bundle]\ncompiled-by = ["{made.maker}"]\n')
    compiles_here(made, far, compiled)


@pytest.mark.parametrize("document", ["tark.toml", "tark.lock"])
def test_a_project_lists_the_key(made: Compiling, tmp_path: Path, compiled: Compiled, document: str) -> None:
    """The table means nothing there: the document is refused, or read without it."""
    far = made.machine(tmp_path / "far", lists="")
    file = far.cwd / document
    file.write_text(file.read_text() + f'\n[bundle]\ncompiled-by = ["{made.maker}"]\n')
    if sync(far).status == 0:
        assert sorted(compiled.names) == BOTH
    assert not any(code in kept(far) for code in made.codes())


def test_no_variable_lists_a_key(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    far = made.machine(tmp_path / "far", lists="")
    names = ("TARKPM_BUNDLE_COMPILED_BY", "TARKPM_COMPILED_BY", "TARKPM_CONFIG", "TARK_CONFIG")
    file = far.cwd / "evil.toml"
    file.write_text(f'[bundle]\ncompiled-by = ["{made.maker}"]\n')
    for value in (made.maker, str(file)):
        far.run("sync", "--bundle", "plugins.tar", "--accept-project", env=dict.fromkeys(names, value)).ok()
    assert sorted(compiled.names) == BOTH
    assert not any(code in kept(far) for code in made.codes())


@pytest.mark.parametrize(
    ("which", "mode"), [("file", 0o620), ("file", 0o602), ("folder", 0o720), ("folder", 0o702)]
)
def test_a_configuration_that_others_can_change(
    made: Compiling, tmp_path: Path, compiled: Compiled, which: str, mode: int
) -> None:
    far = made.machine(tmp_path / "far")
    file = far.home / ".config" / "tarkpm" / "config.toml"
    (file if which == "file" else file.parent).chmod(mode)
    sync(far).failed(2, "other users can change whose compiled code may run", "chmod go-w")
    assert not kept(far)


def test_a_key_that_is_listed_no_more(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    """What was taken is in the cache, and is not run again."""
    far = made.machine(tmp_path / "far")
    sync(far).ok()
    (far.home / ".config" / "tarkpm" / "config.toml").unlink()
    far.run(*CALL).ok()
    assert compiled.names == ["text-tools"]


def test_a_damaged_configuration_lets_nobody_in(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    far = made.machine(tmp_path / "far")
    sync(far).ok()
    (far.home / ".config" / "tarkpm" / "config.toml").write_text("[bundle\n")
    far.run(*CALL).ok()
    assert compiled.names == ["text-tools"]


def test_what_nobody_let_in_is_not_even_read(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    forged = made.forged()
    put_statement(forged, b"{")
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"), lists="")
    compiles_here(made, far, compiled)
    far.run("bundle", "verify", "plugins.tar").failed(3, "malformed")
    far.run("bundle", "inspect", "plugins.tar").failed(3, "malformed")


# -- other code than was signed


def test_a_byte_of_the_code_is_flipped(made: Compiling, tmp_path: Path) -> None:
    forged = made.forged()
    name = f"blobs/sha256/{statement(forged).modules[0].code}"
    code = bytearray(forged.files[name])
    code[len(code) // 2] ^= 1
    forged.files[name] = bytes(code)
    refused(made, forged, tmp_path / "far", 3, "does not have the digest that it is named by")


def test_other_code_under_a_true_digest(made: Compiling, tmp_path: Path) -> None:
    forged, manifest = made.forged(), made.forged().manifest(CODE)
    digest = f"sha256:{statement(forged).modules[0].code}"
    code = forged.blob(digest) + b"\0"
    forged.drop(digest)
    layer = next(one for one in manifest["layers"] if one["digest"] == digest)
    layer |= {"digest": forged.put(code), "size": len(code)}
    layer["annotations"][TITLE] = f"{layer['digest'][7:]}.cwasm"
    forged.set_manifest(CODE, manifest)
    refused(made, forged, tmp_path / "far", 3, "other pieces of code than were signed")


def swapped(code: CompiledCode) -> CompiledCode:
    """Each module gets the other's code."""
    one, two = code.modules
    return changed(
        modules=(
            msgspec.structs.replace(one, code=two.code, size=two.size),
            msgspec.structs.replace(two, code=one.code, size=one.size),
        )
    )(code)


def test_the_code_of_two_modules_is_swapped(made: Compiling, tmp_path: Path) -> None:
    """By somebody without the maker's key, who writes his own name in its place, or leaves the maker's there."""
    forged = made.forged()
    made.carrying.project.sandbox.run("key", "generate", "--name", "mallory")
    made.signs(forged, swapped, "mallory")
    far = made.machine(tmp_path / "own", forged.write(tmp_path / "own.tar"))
    told = sync(far).ok()
    assert "the compiled code in the bundle is not used: it is by" in told.out + told.err
    assert not any(code in kept(far) for code in made.codes())
    data = next(forged.blob(one["digest"]) for one in forged.manifest(CODE)["layers"] if "dsse" in str(one))
    table = msgspec.json.decode(data)
    table["signatures"][0]["keyid"] = made.maker
    put_statement(forged, msgspec.json.encode(table) + b"\n")
    refused(made, forged, tmp_path / "far", 3, f"the signature by {made.maker} is not valid")


def test_a_signature_of_something_else(made: Compiling, tmp_path: Path) -> None:
    """A listed maker's release statement is no statement about code."""
    from tarkpm.core.digest import FileEntry
    from tarkpm.core.release import PluginName
    from tarkpm.core.statement import sign
    from tarkpm.core.version import Version
    from tarkpm.store.keys import KeyStore

    public, signer = KeyStore.in_state(made.carrying.project.sandbox.state).load("builder", bytes)
    files = [FileEntry.of("plugin.toml", b""), FileEntry.of("plugin.wasm", b"")]
    forged = made.forged()
    put_statement(forged, sign(PluginName("x"), Version.parse("1.0.0"), files, key=public, signer=signer))
    refused(made, forged, tmp_path / "far", 3, "the statement of compiled code is malformed")


def test_the_code_of_another_release_of_the_same_name(
    made: Compiling, tmp_path: Path, compiled: Compiled
) -> None:
    """A listed maker compiled 1.0.1; the project has 1.0.0, whose module is another."""
    with carrying(tmp_path / "other") as other:
        theirs = Forged(other.bundle)
        mine = made.forged()
        listed = mine.listed(CODE)
        for digest in (listed["digest"], *(one["digest"] for one in mine.manifest(CODE)["layers"])):
            theirs.put(mine.blob(digest))
        theirs.edit_index(lambda index: index["manifests"].append(listed))
        far = other.machine(tmp_path / "far", theirs.write(tmp_path / "x.tar"))
    configure(far, made.maker)
    sync(far).ok()
    assert not any(code in kept(far) for code in made.codes())
    far.run("bundle", "verify", "plugins.tar").failed(2, "compiled code of modules that it does not have")
    far.run(*CALL).ok()


# -- for another machine


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("platform", "linux/s390x", "it is for linux/s390x, and this machine is"),
        ("compiler", "wasmtime-1.0.0 5", "it is by wasmtime-1.0.0 5, and this machine has"),
        ("settings", {"epoch_interruption": False}, "it was compiled with other settings"),
    ],
)
def test_code_for_another_machine(
    made: Compiling, tmp_path: Path, compiled: Compiled, field: str, value: object, note: str
) -> None:
    forged = made.forged()
    made.signs(forged, changed(**{field: value}))
    if field == "platform":
        rename(forged, str(value))
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    assert f"not taken here: {note}" in far.run("bundle", "verify", "plugins.tar").ok().out
    compiles_here(made, far, compiled, f"the compiled code in the bundle is not used: {note}")


def test_a_platform_that_the_statement_does_not_name(made: Compiling, tmp_path: Path) -> None:
    forged = made.forged()
    made.signs(forged, changed(platform="linux/s390x"))
    refused(made, forged, tmp_path / "far", 3, "expected code for another platform, found linux/s390x")


def test_code_that_cannot_be_loaded(made: Compiling, tmp_path: Path, compiled: Compiled) -> None:
    """A listed maker signed it, and wasmtime refuses it: it does not get in the way of the plugin."""
    forged = made.forged()
    manifest = forged.manifest(CODE)
    one = statement(forged).modules[0]
    code = forged.blob(f"sha256:{one.code}")[:4096]
    digest = forged.put(code)
    layer = next(layer for layer in manifest["layers"] if layer["digest"][7:] == one.code)
    layer |= {"digest": digest, "size": len(code), "annotations": {TITLE: f"{digest[7:]}.cwasm"}}
    forged.drop(f"sha256:{one.code}")
    forged.set_manifest(CODE, manifest)
    replaced = msgspec.structs.replace(one, code=digest[7:], size=len(code))
    made.signs(forged, lambda said: changed(modules=(replaced, *said.modules[1:]))(said))
    far = made.machine(tmp_path / "far", forged.write(tmp_path / "x.tar"))
    told = sync(far).ok()
    assert "cannot be loaded" in told.out + told.err
    assert len(compiled.names) == 1
    assert code not in kept(far)
    far.run(*CALL).ok()


# -- too much, or not a file


def test_a_bomb(made: Compiling, tmp_path: Path) -> None:
    """Sizes that a listed maker signs, or that a manifest says, are limits of what is read."""
    forged, manifest = made.forged(), made.forged().manifest(CODE)
    layer = next(one for one in manifest["layers"] if one["annotations"][TITLE].endswith(".cwasm"))
    layer["size"] = MAX_CODE + 1
    forged.set_manifest(CODE, manifest)
    refused(made, forged, tmp_path / "one", 2, "expected at most 1,073,741,824 bytes")
    forged, manifest = made.forged(), made.forged().manifest(CODE)
    layer = next(one for one in manifest["layers"] if one["annotations"][TITLE].endswith(".cwasm"))
    manifest["layers"] = [layer] * 100_001
    forged.set_manifest(CODE, manifest)
    refused(made, forged, tmp_path / "two", 2)
    forged = made.forged()
    put_statement(forged, b" " * (1 << 20) + b"{}")
    refused(made, forged, tmp_path / "three", 2, "more than 1,048,576 bytes")
    forged = made.forged()
    many = statement(forged).modules[0]
    rows = tuple(msgspec.structs.replace(many, module=f"{number:064x}", parts=()) for number in range(1_001))
    made.signs(forged, changed(modules=rows))
    refused(made, forged, tmp_path / "four", 3, "malformed")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.GNUTYPE_SPARSE])
def test_code_that_is_no_file(made: Compiling, tmp_path: Path, kind: bytes) -> None:
    """A link to what is on this machine, in the place of code."""
    forged = made.forged()
    name = f"blobs/sha256/{statement(forged).modules[0].code}"
    others = [(other, data) for other, data in forged.files.items() if other != name]
    bundle = write_tar(tmp_path / "x.tar", others)
    link = write_tar(tmp_path / "link.tar", [(name, b"")], type=kind, linkname="/etc/passwd")
    end = bundle.read_bytes().rstrip(b"\0")
    padded = end + bytes(-len(end) % 512)
    bundle.write_bytes(padded + link.read_bytes())
    far = made.machine(tmp_path / "far", bundle)
    sync(far).failed(2, "expected a bundle as tarkpm writes it")
    assert not kept(far)


def test_code_goes_into_no_registry_and_needs_its_own_option(made: Compiling, tmp_path: Path) -> None:
    """`bundle create` compiles only for this machine's platform, and never without the name of a key."""
    machine = made.carrying.project.sandbox
    machine.run("bundle", "create", "-o", "x.tar", "--compiled", HERE).failed(
        2, "--compiled and --key need each other"
    )
    machine.run("bundle", "create", "-o", "x.tar", "--compiled", "linux/s390x", "--key", "builder").failed(
        2, f"this machine compiles for '{HERE}' alone, found 'linux/s390x'"
    )
    machine.run("bundle", "create", "-o", "x.tar", "--compiled", HERE, "--key", "nobodys").failed(2)
    assert not (machine.cwd / "x.tar").exists()
    assert os.listdir(tmp_path) == []
