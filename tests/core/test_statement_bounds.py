"""Statements at their limits, and the exact words of a refusal."""

import base64
import json
from typing import Any

import msgspec
import pytest

from core.test_statement import FILES, KEY, PRIVATE, TOML, envelope
from tarkpm.core import statement
from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.names import MAX_STATEMENT
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version
from tarkpm.errors import DigestMismatch, SignatureInvalid

WHERE = "x"


def said(files: dict[str, bytes]) -> statement.Statement:
    entries = tuple(sorted(FileEntry.of(name, data) for name, data in files.items()))
    return statement.Statement(PluginName("demo"), Version.parse("1.0.0"), entries)


def payload(files: dict[str, bytes]) -> bytes:
    return statement.render_statement(said(files))


def refused(payload: bytes, problem: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        statement.parse_statement(payload, where=WHERE)
    assert caught.value.message == f"the release statement is malformed: {problem}"


def refused_envelope(data: bytes, problem: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        statement.parse_envelope(data, where=WHERE)
    assert caught.value.message == f"the release statement is malformed: {problem}"


def changed(**fields: Any) -> bytes:
    table = json.loads(envelope()) | fields
    return json.dumps(table, separators=(",", ":")).encode() + b"\n"


def test_the_digest_is_that_of_the_payload() -> None:
    assert said(FILES).digest == sha256(payload(FILES))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            {"plugin.toml": TOML},
            "'plugin.wasm' is listed in the release statement, but missing from the release",
        ),
        (FILES | {"LICENSE": b""}, "'LICENSE' is not listed in the release statement"),
    ],
)
def test_a_file_more_or_less_is_named(files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(DigestMismatch) as caught:
        statement.check_files(said(FILES), files, where=WHERE)
    assert caught.value.message == sentence


@pytest.mark.parametrize("signatures", [{"0": {}}, "a", 5, None, [], [1, 2]])
def test_signatures_are_a_list_of_one(signatures: Any) -> None:
    refused_envelope(changed(signatures=signatures), "expected exactly one signature")


def test_a_signature_in_another_base64_is_refused_as_such() -> None:
    text = base64.b64encode(PRIVATE.sign(b"")).decode()
    # 64 bytes leave four bits of the last character without meaning.
    last = chr(ord(text[-3]) + 1)
    assert base64.b64decode(f"{text[:-3]}{last}==") == base64.b64decode(text)
    for other in (f"{text[:-3]}{last}==", text.rstrip("="), f" {text}", f"{text[:4]}\n{text[4:]}"):
        refused_envelope(changed(signatures=[{"keyid": KEY, "sig": other}]), "expected padded base64")


def test_the_limit_of_a_file_is_the_last_size_that_is_read() -> None:
    refused_envelope(b" " * MAX_STATEMENT, "not strict JSON: error in line 1, column 65537")
    refused_envelope(b" " * (MAX_STATEMENT + 1), "65537 bytes, the limit is 65536")


def test_as_many_files_as_the_limit() -> None:
    most = FILES | {f"LICENSE.{number:02}": b"" for number in range(statement.MAX_SUBJECTS - 2)}
    assert len(statement.parse_statement(payload(most), where=WHERE).files) == 16
    refused(payload(most | {"README": b"1"}), "expected 2 to 16 subjects")
    refused(payload({"plugin.toml": TOML}), "expected 2 to 16 subjects")
    for subjects in ("ab", {"a": 1, "b": 2}, None):
        table = json.loads(payload(FILES)) | {"subject": subjects}
        refused(json.dumps(table).encode(), "expected 2 to 16 subjects")


def test_a_statement_without_a_manifest_is_refused() -> None:
    refused(
        payload({"a.wasm": b"", "b.wasm": b""}),
        "expected 'plugin.toml' among the subjects and not 'plugin.dsse.json'",
    )


@pytest.mark.parametrize("size", [-1, True, 1.0, "1", None])
def test_a_size_is_a_number_from_zero(size: Any) -> None:
    table = json.loads(payload(FILES))
    table["predicate"]["sizes"]["plugin.wasm"] = size
    refused(json.dumps(table).encode(), "'plugin.wasm' has no size")
    assert statement.parse_statement(payload(FILES | {"LICENSE": b""}), where=WHERE).files[0].size == 0


SOURCE = BuiltFrom("https://git.example/calc", "c" * 40, "sub", "ziglang 0.17.1")


def test_a_source_is_signed_and_read_back_and_left_out_where_there_is_none() -> None:
    with_source = msgspec.structs.replace(said(FILES), source=SOURCE)
    text = statement.render_statement(with_source)
    assert json.loads(text)["predicate"]["source"] == SOURCE.table()
    assert statement.parse_statement(text, where=WHERE) == with_source
    assert b"source" not in payload(FILES)
    assert statement.parse_statement(payload(FILES), where=WHERE) == said(FILES)
    bare = BuiltFrom(SOURCE.git, SOURCE.commit)
    assert bare.table() == {"git": SOURCE.git, "commit": SOURCE.commit}
    signed = statement.sign(
        PluginName("demo"),
        Version.parse("1.0.0"),
        said(FILES).files,
        key=KEY,
        signer=PRIVATE.sign,
        source=bare,
    )
    assert statement.verify(signed)[0].source == bare


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "source: Expected `object`, got `null`"),
        ({"git": SOURCE.git}, "source: Object missing required field `commit`"),
        ({"git": SOURCE.git, "commit": "1"}, "commit: expected 40 hexadecimal digits, found '1'"),
        ({**SOURCE.table(), "more": 1}, "source: Object contains unknown field `more`"),
        ({**SOURCE.table(), "path": ""}, "the signed payload is not in the canonical encoding"),
    ],
)
def test_a_source_that_is_none(source: Any, problem: str) -> None:
    table = json.loads(payload(FILES))
    table["predicate"]["source"] = source
    data = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(SignatureInvalid) as caught:
        statement.parse_statement(data, where=WHERE)
    assert problem in caught.value.message


@pytest.mark.parametrize("predicate", [None, "source", ["source"], {"source": {}, "name": "a"}])
def test_a_predicate_is_an_object_with_its_keys(predicate: Any) -> None:
    table = json.loads(payload(FILES)) | {"predicate": predicate}
    with pytest.raises(SignatureInvalid, match="expected an object with exactly name, s"):
        statement.parse_statement(json.dumps(table).encode(), where=WHERE)


def test_the_names_to_fetch_are_those_of_the_subjects() -> None:
    assert statement.subject_names(envelope(), where=WHERE) == ["plugin.toml", "plugin.wasm"]


def test_two_subjects_of_one_name() -> None:
    same = payload(FILES | {"LICENSE": b"1", "license": b"2"})
    refused(same, "the subjects 'LICENSE' and 'license' have the same name")


@pytest.mark.parametrize("sizes", [None, ["plugin.toml", "plugin.wasm"], "plugin.toml"])
def test_sizes_are_an_object(sizes: Any) -> None:
    table = json.loads(payload(FILES))
    table["predicate"]["sizes"] = sizes
    with pytest.raises(SignatureInvalid, match="has no size$"):
        statement.parse_statement(json.dumps(table).encode(), where=WHERE)


@pytest.mark.parametrize("text", ["null", "5", "[]", '"payload"'])
def test_an_envelope_is_an_object(text: str) -> None:
    problem = "expected an object with exactly payload, payloadType, signatures"
    refused_envelope(text.encode(), problem)


def test_an_empty_payload_is_no_base64() -> None:
    refused_envelope(changed(payload=""), "expected padded base64")
