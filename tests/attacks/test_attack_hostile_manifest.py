"""A plugin.toml that means harm, or is merely wrong: one short error that names the key, soon."""

import contextlib
import shutil
import time
from pathlib import Path

import pytest

from attacks.tampering import Studio

HEAD = b'[plugin]\nname = "text-tools"\nversion = "1.0.0"\ntype = "tool"\n'


def _line(key: str, value: str) -> bytes:
    """A good manifest but for one key of ``[plugin]``."""
    lines = [line for line in HEAD.decode().splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([*lines, f"{key} = {value}"]).encode()


WRONG = {
    "malformed TOML": (HEAD + b"= 3", "not valid TOML", "line 5"),
    "not UTF-8": (HEAD + b'author = "\xff"', "not UTF-8 text (byte", "plugin.toml"),
    "a table twice": (HEAD + b"[plugin]\n", "not valid TOML", "plugin.toml"),
    "no plugin table": (b'name = "x"', "'plugin' is required", "plugin.toml"),
    "nothing": (b"", "'plugin' is required", "plugin.toml"),
    "no version": (HEAD.replace(b'version = "1.0.0"\n', b""), "'version' is required", "plugin.toml: plugin"),
    "a wrong type": (_line("version", "1.0"), "expected a string, found a number", "plugin.version"),
    "a version that is a date": (_line("version", "2024-01-01"), "expected a string", "plugin.version"),
    "an unknown type": (_line("type", '"virus"'), "expected one of auth, tool", "plugin.type"),
    "a bad version": (_line("version", '"1.0"'), "expected a version like 1.2.3", "plugin.version"),
    "a version with a zero": (_line("version", '"01.0.0"'), "expected a version like", "plugin.version"),
    "a bad minimum": (
        _line("min_tark_version", '"latest"'),
        "expected a version like",
        "plugin.min_tark_version",
    ),
    "a bad name": (_line("name", '"../evil"'), "expected at most 64 letters and digits", "plugin.name"),
    "an empty name": (_line("name", '""'), "expected a value, found an empty string", "plugin.name"),
    "a long name": (_line("name", '"' + "a" * 65 + '"'), "at most 64", "plugin.name"),
    "a name in other letters": (
        _line("name", '"tехt"'),
        "expected at most 64 letters and digits",
        "plugin.name",
    ),
    "a name with a Kelvin sign": (_line("name", '"\u212aey"'), "expected at most 64 letters", "plugin.name"),
    "a module outside": (_line("wasm", '"../x.wasm"'), "expected a plain relative", "plugin.wasm"),
    "an absolute module": (_line("wasm", '"/bin/sh"'), "expected a plain relative", "plugin.wasm"),
    "a module that is the manifest": (
        _line("wasm", '"Plugin.TOML"'),
        "expected the name of a module",
        "plugin.wasm",
    ),
    "a module that is the statement": (
        _line("wasm", '"plugin.dsse.json"'),
        "expected the name of a module",
        "plugin.wasm",
    ),
    "a hidden module": (_line("wasm", '".disabled"'), "expected a plain relative", "plugin.wasm"),
    "a module in data": (_line("wasm", '"data/x.wasm"'), "expected a plain relative", "plugin.wasm"),
    "all hosts": (HEAD + b'[capabilities]\nhttp = ["*"]', "expected a host", "capabilities"),
    "all variables": (HEAD + b'[capabilities]\nenv = ["*"]', "expected a variable name", "capabilities"),
    "all files": (HEAD + b'[capabilities]\nfilesystem = ["/"]', "expected a folder", "capabilities"),
    "files above": (HEAD + b'[capabilities]\nfilesystem = ["../"]', "expected a folder", "capabilities"),
    "http for all": (HEAD + b"[capabilities]\nhttp = true", "expected a list of strings", "capabilities"),
    "shell that is text": (HEAD + b'[capabilities]\nshell = "yes"', "expected true or false", "capabilities"),
    "a dependency with a URL": (
        HEAD + b'[dependencies]\nother = "git+https://x/y"',
        "expected",
        "dependencies.other",
    ),
    "a dependency that is a table": (
        HEAD + b'[dependencies]\nother = { git = "x" }',
        "expected a string",
        "dependencies",
    ),
    "too large": (HEAD + b"#" * 262_144, "the limit is 262144", "plugin.toml"),
    "lists in lists": (HEAD + b"[config]\nx = " + b"[" * 50_000, "nest too deeply", "plugin.toml"),
    "tables in tables": (HEAD + b"[config]\nx = " + b"{a=" * 50_000, "nest too deeply", "plugin.toml"),
    "a deep key": (
        HEAD + b"[config]\n" + b".".join([b"a"] * 500) + b" = 1",
        "a key has more than 200 dotted parts",
        "plugin",
    ),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_manifest_that_is_wrong(studio: Studio, case: str) -> None:
    data, *texts = WRONG[case]
    studio.good()
    (studio.folder / "plugin.dsse.json").unlink()
    (studio.folder / "plugin.toml").write_bytes(data)
    studio.refused(2, *map(str, texts))


SLOW = {
    "a key of 12,000 parts": HEAD + b"[config]\n" + b".".join([b"a"] * 12_000) + b" = 1\n",
    "many keys below 3,000 parts": (
        HEAD
        + b"[config."
        + b".".join([b"a"] * 3_000)
        + b"]\n"
        + b"".join(b"k%d = 1\n" % n for n in range(3_000))
    ),
    "1,000 hosts": HEAD
    + b"[capabilities]\nhttp = ["
    + b"".join(b'"a%d.example",' % n for n in range(1_000))
    + b"]\n",
    "2,000 variables": HEAD
    + b"[capabilities]\nenv = ["
    + b"".join(b'"A%d",' % n for n in range(2_000))
    + b"]\n",
}


@pytest.mark.parametrize("case", list(SLOW))
def test_a_manifest_within_its_limit_is_read_soon(case: str) -> None:
    """256 KiB are allowed; these are a tenth of it or less, and anybody may have written them."""
    from tarkpm.core.manifest import Manifest
    from tarkpm.errors import ManifestError

    begun = time.process_time()
    with contextlib.suppress(ManifestError):
        Manifest.parse(SLOW[case])
    assert time.process_time() - begun < 0.5


def test_a_number_of_5000_digits(studio: Studio) -> None:
    studio.good()
    (studio.folder / "plugin.dsse.json").unlink()
    (studio.folder / "plugin.toml").write_bytes(HEAD + b"[config]\nx = " + b"9" * 5000)
    studio.refused(2, "not valid TOML", "plugin.toml")


def test_a_huge_value_of_a_wrong_type_makes_a_short_error(studio: Studio) -> None:
    studio.good()
    (studio.folder / "plugin.dsse.json").unlink()
    (studio.folder / "plugin.toml").write_bytes(
        HEAD + b"[capabilities]\nstorage = [" + b"1," * 100_000 + b"]"
    )
    studio.refused(2, "storage: expected true or false", "plugin.toml")


def test_ten_thousand_unknown_capabilities_make_a_short_card(studio: Studio) -> None:
    studio.good()
    (studio.folder / "plugin.dsse.json").unlink()
    text = HEAD + b"[capabilities]\n" + b"".join(b"u%d = true\n" % n for n in range(10_000))
    (studio.folder / "plugin.toml").write_bytes(text)
    studio.commit()
    result = studio.user.run(
        "add", f"file://{studio.folder}", "--allow-unsigned", "text-tools", "--dry-run"
    ).ok()
    assert len(result.err) < 5_000


def test_a_module_below_a_file_of_the_release(studio: Studio) -> None:
    """plugin.toml cannot be a file and a folder; the module is found by its base name, so git has no say."""
    studio.user.plugin(studio.folder, extra='wasm = "plugin.toml/plugin.wasm"')
    studio.commit()
    result = studio.user.run(
        "add",
        f"file://{studio.folder}",
        "--allow-unsigned",
        "text-tools",
        "--accept-capabilities",
    )
    result.failed(2, "plugin.toml")
    assert "unexpected" not in result.err
    assert not list(studio.user.plugins.glob("*"))


WASM = {
    "text": (b"(component)", "expected a WebAssembly binary, found WebAssembly text"),
    "text with a comment": (b";; hi\n(module)", "expected a WebAssembly binary, found WebAssembly text"),
    "nothing": (b"", "expected a WebAssembly binary, found an empty file"),
    "a program": (b"\x7fELF" + bytes(100), "expected a WebAssembly binary, found a file that begins with"),
    "a page": (b"<!DOCTYPE html>", "expected a WebAssembly binary, found a file that begins with"),
    "another version": (b"\0asm\x02\0\0\0", "expected a WebAssembly component, found version bytes"),
    "a stump": (b"\0asm", "expected a WebAssembly component, found version bytes"),
    "a section without end": (b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\x0f", "runs past its end"),
    "an unknown section": (b"\0asm\x0d\0\x01\0\x7f\0", "section of unknown kind 127"),
    "a name without end": (b"\0asm\x0d\0\x01\0\x0a\x04\x01\0\xff\x7f", "runs past its end"),
    "a million imports": (b"\0asm\x0d\0\x01\0\x0a\x03\xc0\x84\x3d", "more than 10,000 imports or exports"),
    "a pointer to LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "expected a file, found a Git LFS pointer",
    ),
}


@pytest.mark.parametrize("case", list(WASM))
def test_a_module_that_is_none(studio: Studio, case: str) -> None:
    data, text = WASM[case]
    studio.user.plugin(studio.folder, wasm=data)
    result = studio.add()
    result.failed(2 if "LFS" in text else 1, text, "plugin.wasm", "help: ")
    assert not list(studio.user.plugins.glob("*"))


@pytest.mark.parametrize("case", ["text", "nothing", "a program"])
def test_what_is_no_module_is_not_signed(studio: Studio, case: str) -> None:
    data, text = WASM[case]
    folder = studio.user.plugin(studio.folder, wasm=data)
    studio.user.run("sign", folder, "--key", "release").failed(1, text, "plugin.wasm")
    assert not (folder / "plugin.dsse.json").exists()


def test_a_module_that_is_not_there(studio: Studio) -> None:
    studio.user.plugin(studio.folder)
    (studio.folder / "plugin.wasm").unlink()
    studio.refused(2, "the module 'plugin.wasm' that plugin.toml names does not exist", "help: ")


def test_a_module_that_is_a_link(studio: Studio) -> None:
    studio.user.plugin(studio.folder)
    (studio.folder / "plugin.wasm").unlink()
    (studio.folder / "plugin.wasm").symlink_to("/etc/passwd")
    studio.refused(2, "plugin.wasm", "link")
    studio.user.run("add", studio.folder).failed(2, "plugin.wasm", "link")


def test_a_repository_without_a_plugin(studio: Studio) -> None:
    (studio.folder / "README.md").write_text("nothing here")
    studio.refused(
        2, "no plugin.toml in the top folder or its dist/", "help: name the folder that contains it"
    )


def test_a_folder_with_a_file_name_of_no_encoding(studio: Studio) -> None:
    studio.user.plugin(studio.folder)
    try:
        Path(str(studio.folder) + "/LICENSE\udcff").write_bytes(b"MIT")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    result = studio.user.run("add", studio.folder, "--accept-capabilities", "--dry-run")
    sign = studio.user.run("sign", studio.folder, "--key", "release", "--dry-run", "--json")
    shutil.rmtree(studio.folder / "x", ignore_errors=True)
    for each in (result, sign):
        assert "unexpected" not in each.err
        assert "Traceback" not in each.err
