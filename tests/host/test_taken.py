"""Code that somebody else compiled, with the parts that plugins share (docs/decisions/0158, 0244)."""

import os
import re
from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest
from support.outlining import KEY, LIMITS, Shelf, image, other_tool, tool

from tarkpm.core.digest import sha256
from tarkpm.errors import HostError
from tarkpm.host.compile.cache import CompileCache, OfferedCode
from tarkpm.host.compile.portable import compile_portable
from tarkpm.host.image import PluginImage

MAKER = "ed25519:maker"


class Taking:
    """A cache whose user lists a maker, and what that maker made of a plugin."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.listed: Collection[str] = (MAKER,)
        self.shelf = Shelf(folder, monkeypatch)
        self.shelf.cache = self.cache = CompileCache(folder, KEY, makers=lambda: self.listed)
        self.plugin = image(tool(), "one", folder.parent)
        self.made = dict(compile_portable(self.plugin, limits=LIMITS))
        self.shelf.compiled.clear()

    def offer(self) -> OfferedCode:
        return OfferedCode(MAKER, {(one.module, one.kind): one for one in self.made}, self.made.__getitem__)

    def takes(self, plugin: PluginImage | None = None) -> bool:
        return self.cache.take(plugin or self.plugin, LIMITS, self.offer())

    def replace(self, kind: str, **fields: object) -> None:
        """Another entry in the place of the one of a kind, with its code."""
        (one,) = (module for module in self.made if module.kind == kind)
        code = self.made.pop(one)
        self.made[msgspec.structs.replace(one, **fields)] = code


@pytest.fixture
def taking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taking:
    return Taking(tmp_path / "cache", monkeypatch)


def test_a_plugin_and_its_part_run_without_a_compiler(taking: Taking) -> None:
    assert sorted(one.kind for one in taking.made) == ["component", "part"]
    assert taking.takes()
    assert taking.shelf.serves(taking.plugin) == 0


def test_code_is_the_same_each_time(taking: Taking) -> None:
    assert dict(compile_portable(taking.plugin, limits=LIMITS)) == taking.made


def test_code_needs_no_feature_of_the_makers_processor(taking: Taking) -> None:
    """The image names each feature, and whether its code uses it; wasmtime compares that when it loads it."""
    for code in taking.made.values():
        found = dict(re.findall(rb"(has_[a-z0-9_]+)\x02([\0\1])", code))
        assert found
        assert set(found.values()) == {b"\0"}


def test_a_known_part_is_compiled_once(taking: Taking) -> None:
    (known,) = (one.module for one in taking.made if one.kind == "part")
    other = image(other_tool(), "two", taking.shelf.folder)
    assert [one.kind for one, _ in compile_portable(other, [known], LIMITS)] == ["component"]


def test_nothing_of_it_is_found_once_the_maker_is_not_listed(taking: Taking) -> None:
    taking.takes()
    taking.listed = ()
    assert taking.shelf.serves(taking.plugin) == 2
    taking.listed = ("ed25519:another",)
    assert taking.shelf.serves(taking.plugin) == 0  # by what was compiled here meanwhile


def test_another_plugin_uses_the_part_only_while_its_maker_is_listed(taking: Taking) -> None:
    taking.takes()
    other = image(other_tool(), "two", taking.shelf.folder)
    assert taking.shelf.serves(other) == 1
    taking.listed = ()
    assert taking.shelf.serves(other) == 2


def test_what_is_compiled_here_comes_first(taking: Taking, tmp_path: Path) -> None:
    taking.takes()
    mine = CompileCache(tmp_path / "cache", KEY)
    with mine.get(taking.plugin, LIMITS) as own, taking.cache.get(taking.plugin, LIMITS) as found:
        assert os.fstat(found.descriptor).st_size == os.fstat(own.descriptor).st_size
    (left,) = (tmp_path / "cache").glob(f"*/{sha256(taking.plugin.wasm)}-*")  # the maker's went
    assert left.is_file()


def test_a_plugin_that_is_not_offered(taking: Taking) -> None:
    assert not taking.takes(image(other_tool(), "two", taking.shelf.folder))
    assert taking.shelf.serves(taking.plugin) == 2


def test_parts_that_the_plugin_does_not_have(taking: Taking) -> None:
    """The maker names another module's code as that of a part."""
    foreign = sha256(b"a module of another plugin")
    taking.replace("part", module=foreign)
    taking.replace("component", parts=(foreign,))
    assert not taking.takes()
    assert taking.shelf.serves(taking.plugin) == 2


@pytest.mark.parametrize("kind", ["component", "part"])
def test_code_that_cannot_be_loaded_is_not_kept(taking: Taking, kind: str) -> None:
    (one,) = (module for module in taking.made if module.kind == kind)
    taking.made[one] = taking.made[one][:5_000]
    with pytest.raises(HostError):
        taking.takes()
    assert not list(taking.shelf.folder.glob("*/*.compiled"))
    assert taking.shelf.serves(taking.plugin) == 2


def test_code_of_another_module_does_not_pass_for_a_part(taking: Taking) -> None:
    """wasmtime checks each part against the type that the plugin imports it with."""
    (one,) = (module for module in taking.made if module.kind == "part")
    (whole,) = (module for module in taking.made if module.kind == "component")
    taking.made[one] = taking.made[whole]
    with pytest.raises(HostError):
        taking.takes()
    assert not list(taking.shelf.folder.glob("*/*.compiled"))


def test_an_entry_under_the_name_of_another_maker(taking: Taking) -> None:
    """Who can write the cache cannot make a listed maker's code of that of one who is listed no more."""
    taking.takes()
    for one in taking.made:
        entries = [taking.cache._entry_for(one.module, LIMITS, one.kind, key) for key in (MAKER, "other")]
        entries[0].path.rename(entries[1].path)
    taking.listed = ("other",)
    assert taking.shelf.serves(taking.plugin) == 2
