"""The bill of materials: read by CycloneDX's own library, equal for equal locks, canonical identifiers."""

import io
import json

import msgspec
import pytest
from cyclonedx.model.bom import Bom
from packageurl import PackageURL
from support.locked import ENTRY, NAME

from tarkpm.core.lockfile import Lock
from tarkpm.core.release import Dependency, GitSource, IndexSource, PathSource, PluginName
from tarkpm.core.sbom import Facts, bom, package_url

FACTS = {NAME: Facts("Adds numbers", "MIT OR Apache-2.0", (("Rust", "1.95.0"), ("clang", "")))}
INDEX = msgspec.structs.replace(
    ENTRY, name=PluginName("words"), source=IndexSource(PluginName("community"), "sha256:" + "c" * 64), requires=(Dependency.parse("calc ^1"),)
)  # fmt: skip
LOCK = Lock.of([ENTRY, INDEX])


def test_the_library_reads_it() -> None:
    text = json.dumps(bom(LOCK, FACTS, version="1.0", epoch=0))
    read = Bom.from_json(data=json.load(io.StringIO(text)))  # type: ignore[attr-defined]
    assert read.validate()
    assert {one.name for one in read.components} == {"calc", "words"}
    calc = next(one for one in read.components if one.name == "calc")
    assert next(iter(calc.hashes)).content == "1" * 64
    assert {one.name for one in calc.components} == {"plugin.toml", "plugin.wasm", "Rust", "clang"}
    needs = {str(one.ref): {str(other.ref) for other in one.dependencies} for one in read.dependencies}
    assert needs["project"] == {package_url(INDEX)}
    assert needs[package_url(INDEX)] == {package_url(ENTRY)}


def test_equal_locks_have_equal_documents() -> None:
    once, again = bom(LOCK, FACTS, version="1"), bom(Lock.of([INDEX, ENTRY]), FACTS, version="1")
    assert once == again
    assert "timestamp" not in once["metadata"]
    assert bom(LOCK, FACTS, version="1", epoch=0)["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"
    newer = Lock.of([msgspec.structs.replace(ENTRY, capabilities=None)])
    assert bom(newer, FACTS, version="1")["serialNumber"] != once["serialNumber"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (GitSource("https://github.com/Owner/Repo.git", tag="v1", path="a b", commit="a" * 40), f"pkg:github/owner/repo@{'a' * 40}#a%20b"),
        (GitSource("https://git.example/x.git", commit="a" * 40), f"pkg:generic/calc@1.0.0?checksum=sha256:{'1' * 64}&vcs_url=git%2Bhttps://git.example/x.git%40{'a' * 40}"),
        (INDEX.source, f"pkg:generic/tark/calc@1.0.0?checksum=sha256:{'1' * 64}"),
    ],
)  # fmt: skip
def test_identifiers_are_canonical(source: GitSource | IndexSource, expected: str) -> None:
    found = package_url(msgspec.structs.replace(ENTRY, source=source))
    assert found == expected
    assert PackageURL.from_string(found).to_string() == found


def test_a_working_copy() -> None:
    copy = msgspec.structs.replace(ENTRY, source=PathSource("./x"), files=(), signer=None, statement=None, capabilities=None, tools=None)  # fmt: skip
    document = bom(Lock.of([copy]), {}, version="1")
    assert document["components"][0]["purl"] == "pkg:generic/calc@1.0.0"
    assert "hashes" not in document["components"][0]
