"""A bundle with compiled code, on the machine where it is made and on those that take it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bundling import REF, Carrying, carrying, sync
from support.compiled_bundle import HERE, Compiled, Compiling, compiling, configure
from support.ociregistry import oci_registry

CALL = ("call", "text-tools", "text-stats", '{"text":"a"}')
CREATE = ("bundle", "create", "--compiled", HERE, "--key", "builder", "-o")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiling]:
    with compiling(tmp_path_factory.mktemp("bundle")) as found:
        yield found


def test_the_errand(made: Compiling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = made.carrying.project.sandbox
    told = machine.run(*CREATE, "again.tar").ok().out
    assert f"  compiled for {HERE}: 2 plugins (" in told
    assert f"bytes), by {made.maker}\n" in told
    assert (machine.cwd / "again.tar").read_bytes() == made.bundle.read_bytes()
    far, compiled = made.machine(tmp_path / "far"), Compiled(monkeypatch)
    line = f"compiled code for {HERE} by {made.maker}: 2 modules, taken here\n"
    assert line in far.run("bundle", "inspect", "plugins.tar").ok().out
    assert line in far.run("bundle", "verify", "plugins.tar").ok().out
    assert "instead of here" not in sync(far, "--dry-run").ok().err
    assert "+ text-tools 1.0.1\n" in sync(far).ok().out
    far.run(*CALL).ok()
    assert compiled.names == []
    again = sync(far).ok()
    assert (again.out, again.err) == ("2 plugins match tark.lock\n", "")
    assert "instead of here" not in sync(far, "--reinstall").ok().err  # it is in the cache
    shutil.rmtree(far.store / "compiled")
    assert f"note: compiled by {made.maker} instead of here" in sync(far).ok().err
    assert compiled.names == []


def test_doctor_says_whose_code_may_run(made: Compiling, tmp_path: Path) -> None:
    far = made.machine(tmp_path / "far", lists="")
    assert "native code" not in far.run("doctor", "--offline").out
    file = configure(far, made.maker)
    told = far.run("doctor", "--offline").out
    assert f"note: native code that {made.maker} compiled may run here, if a bundle brings it\n" in told
    file.chmod(0o666)
    assert f"help: chmod go-w {file}\n" in far.run("doctor", "--offline").failed(1).out


def test_the_json(made: Compiling, tmp_path: Path) -> None:
    machine = made.carrying.project.sandbox
    created = machine.run(*CREATE, "json.tar", "--json").ok().json["compiled"]
    assert (created["platform"], created["maker"], created["plugins"]) == (HERE, made.maker, 2)
    assert machine.run("bundle", "create", "-o", "plain.tar", "--json").ok().json["compiled"] is None
    far, stranger = made.machine(tmp_path / "far"), made.machine(tmp_path / "stranger", lists="")
    for verb in ("inspect", "verify"):
        (row,) = far.run("bundle", verb, "plugins.tar", "--json").ok().json["compiled"]
        assert row["refused"] == ""
        assert {key: row[key] for key in ("platform", "compiler", "maker", "size")} == {
            key: created[key] for key in ("platform", "compiler", "maker", "size")
        }
        (row,) = stranger.run("bundle", verb, "plugins.tar", "--json").ok().json["compiled"]
        assert row["refused"] == "'compiled-by' in config.toml does not list the key"


def test_other_tools_read_it(made: Compiling, tmp_path: Path) -> None:
    """skopeo copies the code as one more artifact; a registry gets the plugins and slices alone."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    one = made.forged().listed("compiled-")
    name = one["annotations"][REF]
    assert name == f"compiled-{HERE.replace('/', '-')}"
    words = ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci-archive:{made.bundle}:{name}"]
    subprocess.run([*words, f"oci:{tmp_path / 'copy'}:x"], check=True, capture_output=True)
    index = json.loads((tmp_path / "copy" / "index.json").read_bytes())
    assert [entry["digest"] for entry in index["manifests"]] == [one["digest"]]
    with oci_registry(tmp_path / "oci") as registry:
        far = made.machine(tmp_path / "far")
        pushed = far.run("bundle", "push", "plugins.tar", f"oci://{registry.host}/team", "--json").ok().json
        assert len(pushed["pushed"]) == 3
        assert one["digest"] not in {row["digest"] for row in pushed["pushed"]}


def test_some_plugins_with_code_and_others_without(
    made: Compiling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that the code is not of is compiled here, and a note says which."""
    machine = made.carrying.project.sandbox
    machine.run(*CREATE, tmp_path / "one.tar", "json-core").ok()
    far = made.machine(tmp_path / "far")
    whole, code = made.forged(), type(made.forged())(tmp_path / "one.tar")
    whole.edit_index(lambda index: index["manifests"].remove(whole.listed("compiled-")))
    listed = code.listed("compiled-")
    whole.edit_index(lambda index: index["manifests"].append(listed))
    whole.files |= {name: data for name, data in code.files.items() if name.startswith("blobs/")}
    whole.write(far.cwd / "plugins.tar")
    compiled = Compiled(monkeypatch)
    told = sync(far).ok().err
    assert f"note: compiled by {made.maker} instead of here: 'json-core'\n" in told
    assert "note: compiled here, because the bundle has no code of it that fits: 'text-tools'\n" in told
    assert compiled.names == ["text-tools"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Carrying]:
    with carrying(tmp_path / "small") as found:
        yield found


def test_small_plugins_gain_nothing(small: Carrying, tmp_path: Path) -> None:
    machine = small.project.sandbox
    maker = machine.key("builder")
    told = machine.run(*CREATE, "plugins.tar").ok().out
    assert "note: no compiled code is in the bundle: no plugin takes long to compile\n" in told
    far = small.machine(tmp_path / "far")
    configure(far, maker)
    assert sync(far).ok().err == ""
