"""The bill of materials as SPDX 2.3: valid to SPDX's own tools, equal for equal locks."""

import msgspec
import pytest
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from support.locked import ENTRY as OF_EXAMPLE
from support.locked import NAME

from tarkpm.core.lockfile import Lock
from tarkpm.core.release import Dependency, GitSource, IndexSource, PathSource, PluginName
from tarkpm.core.sbom import Facts
from tarkpm.core.spdx import spdx

ENTRY = msgspec.structs.replace(
    # The validator knows no top-level domain of more than five letters.
    OF_EXAMPLE, source=GitSource("https://example.org/calc.git", commit="a" * 40)
)  # fmt: skip
FACTS = {NAME: Facts("Adds numbers", "mit or Apache-2.0", (("Rust", "1.95.0"), ("clang", "")))}
INDEX = msgspec.structs.replace(
    ENTRY, name=PluginName("words_of"), source=IndexSource(PluginName("community"), "sha256:" + "c" * 64), requires=(Dependency.parse("calc ^1"),)
)  # fmt: skip
COPY = msgspec.structs.replace(
    ENTRY, name=PluginName("mine"), source=PathSource("./mine"), files=(), signer=None, statement=None, capabilities=None, tools=None
)  # fmt: skip
LOCK = Lock.of([ENTRY, INDEX, COPY])


def read(lock: Lock, facts: dict[PluginName, Facts]) -> Document:
    document = JsonLikeDictParser().parse(  # type: ignore[no-untyped-call]
        spdx(lock, facts, version="1.0")
    )
    assert validate_full_spdx_document(document) == []
    return document


def test_the_tools_of_spdx_find_nothing_wrong() -> None:
    document = read(LOCK, FACTS)
    packages = {one.name: one for one in document.packages}
    assert set(packages) == {"tark plugins", "calc", "words_of", "mine", "Rust", "clang"}
    calc = packages["calc"]
    assert str(calc.license_declared) == "MIT OR Apache-2.0"
    assert calc.download_location == f"git+https://example.org/calc.git@{'a' * 40}"
    assert calc.checksums[0].value == "1" * 64
    related = {
        (one.spdx_element_id, one.relationship_type.name, str(one.related_spdx_element_id))
        for one in document.relationships
    }
    words = "SPDXRef-plugin-words.5f.of"
    assert related == {
        ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-project"),
        ("SPDXRef-project", "DEPENDS_ON", words),
        ("SPDXRef-project", "DEPENDS_ON", "SPDXRef-plugin-mine"),
        (words, "DEPENDS_ON", "SPDXRef-plugin-calc"),
        ("SPDXRef-tool-Rust.40.1.95.0", "BUILD_TOOL_OF", "SPDXRef-plugin-calc"),
        ("SPDXRef-tool-clang.40.", "BUILD_TOOL_OF", "SPDXRef-plugin-calc"),
    }


def test_equal_locks_have_equal_documents() -> None:
    once = spdx(LOCK, FACTS, version="1")
    assert once == spdx(Lock.of([COPY, INDEX, ENTRY]), FACTS, version="1")
    assert once["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    assert once["documentNamespace"] != spdx(Lock.of([ENTRY]), FACTS, version="1")["documentNamespace"]


@pytest.mark.parametrize("license", ["Mine", "MIT AND", "MIT, or what you like", "\x1b[2J"])
def test_a_license_that_spdx_does_not_know(license: str) -> None:  # noqa: A002
    document = read(Lock.of([ENTRY]), {NAME: Facts("", license)})
    (calc,) = (one for one in document.packages if one.name == "calc")
    assert (str(calc.license_declared), calc.license_comment) == (
        "NOASSERTION",
        f"plugin.toml names {license!r}, which is no SPDX expression.",
    )


@pytest.mark.parametrize("place", ["git@git.example:calc.git", "/srv/calc.git"])
def test_a_place_that_no_url_names(place: str) -> None:
    document = read(Lock.of([msgspec.structs.replace(ENTRY, source=GitSource(place, commit="a" * 40))]), {})
    assert {str(one.download_location) for one in document.packages} == {"NOASSERTION"}
