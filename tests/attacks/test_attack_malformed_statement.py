"""Statements signed with the accepted key that are not what a statement may be. All end with exit status 3."""

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from attacks.tampering import Studio, rewrite_statement

MALFORMED = "the release statement is malformed"
Table = dict[str, Any]


def _subject(name: str) -> Callable[[Table], None]:
    """List one more file, with a digest and a size."""

    def change(table: Table) -> None:
        table["subject"].append({"name": name, "digest": {"sha256": "0" * 64}})
        table["subject"].sort(key=lambda subject: subject["name"])
        table["predicate"]["sizes"][name] = 1

    return change


def _set(*path: str | int, to: object) -> Callable[[Table], None]:
    def change(table: Any) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = to

    return change


def _drop(*path: str | int) -> Callable[[Table], None]:
    def change(table: Any) -> None:
        for key in path[:-1]:
            table = table[key]
        del table[path[-1]]

    return change


STATEMENTS = {
    "another predicate type": (_set("predicateType", to="urn:tarkpm:plugin-release:2"), "predicateType"),
    "predicate type in capitals": (_set("predicateType", to="URN:tarkpm:plugin-release:1"), "predicateType"),
    "another statement type": (_set("_type", to="https://in-toto.io/Statement/v0.1"), "_type"),
    "no sha256": (_set("subject", 0, "digest", to={"sha512": "0" * 128}), "exactly sha256"),
    "a second digest": (_set("subject", 0, "digest", "md5", to="0" * 32), "exactly sha256"),
    "an upper-case digest": (_set("subject", 0, "digest", "sha256", to="A" * 64), "malformed sha256"),
    "a short digest": (_set("subject", 0, "digest", "sha256", to="a" * 63), "malformed sha256"),
    "a digest that is no text": (_set("subject", 0, "digest", "sha256", to=["a"]), "expected a string"),
    "no size": (_drop("predicate", "sizes", "plugin.toml"), "has no size"),
    "a negative size": (_set("predicate", "sizes", "plugin.toml", to=-1), "has no size"),
    "true for a size": (_set("predicate", "sizes", "plugin.toml", to=True), "has no size"),
    "a fraction for a size": (_set("predicate", "sizes", "plugin.toml", to=1.0), "has no size"),
    "a size of no file": (_set("predicate", "sizes", "other", to=1), "do not name the same files"),
    "sizes that are a list": (_set("predicate", "sizes", to=["plugin.toml"]), "has no size"),
    "no subjects": (_set("subject", to=[]), "expected 2 to 16 subjects"),
    "a subject that is no table": (_set("subject", 0, to="plugin.toml"), "expected an object"),
    "subjects that are a table": (_set("subject", to={}), "expected 2 to 16 subjects"),
    "an unknown key": (_set("predicate", "extra", to=1), "expected an object with exactly"),
    "a version that is none": (_set("predicate", "version", to="1.0"), "expected a version like 1.2.3"),
    "a name that is none": (_set("predicate", "name", to="../x"), "expected at most 64 letters and digits"),
    "a name that is a number": (_set("predicate", "name", to=1), "expected a string"),
    "without plugin.toml": (lambda t: t["subject"].pop(1) and None, "subjects"),
}
NAMES = {
    "up": "../LICENSE",
    "up inside": "x/../../LICENSE",
    "absolute": "/LICENSE",
    "a drive": "C:LICENSE",
    "backslash": "..\\LICENSE",
    "hidden": ".LICENSE",
    "the marker": ".disabled",
    "data": "data",
    "data in capitals": "DATA",
    "in data": "data/LICENSE",
    "empty": "",
    "a folder": "LICENSE/",
    "a dot": ".",
    "a control character": "LICENSE\n",
    "an escape": "LICENSE\x1b[2J",
    "a NUL": "LICENSE\0",
    "a space": " LICENSE",
    "five deep": "a/b/c/d/LICENSE",
    "long": "LICENSE" + "x" * 300,
}


@pytest.mark.parametrize("case", list(STATEMENTS))
def test_a_statement_that_is_malformed(studio: Studio, case: str) -> None:
    change, text = STATEMENTS[case]
    studio.good()
    rewrite_statement(studio.user, studio.folder, change)
    studio.refused(3, MALFORMED, text)


@pytest.mark.parametrize("case", list(NAMES))
def test_a_subject_with_a_name_that_no_file_has(studio: Studio, case: str) -> None:
    studio.good()
    rewrite_statement(studio.user, studio.folder, _subject(NAMES[case]))
    studio.refused(3, MALFORMED, "expected a plain relative file name")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PLUGIN.TOML", "the subjects 'PLUGIN.TOML' and 'plugin.toml' have the same name"),
        ("Plugin.wasm", "the subjects 'Plugin.wasm' and 'plugin.wasm' have the same name"),
        ("plugin.toml", "the subjects 'plugin.toml' and 'plugin.toml' have the same name"),
        ("plugin.dsse.json", "expected 'plugin.toml' among the subjects and not 'plugin.dsse.json'"),
    ],
)
def test_a_subject_whose_name_is_taken(studio: Studio, name: str, text: str) -> None:
    studio.good()
    rewrite_statement(studio.user, studio.folder, _subject(name))
    studio.refused(3, MALFORMED, text)


def test_too_many_subjects(studio: Studio) -> None:
    studio.good()
    rewrite_statement(
        studio.user, studio.folder, lambda table: [_subject(f"LICENSE-{n}")(table) for n in range(20)]
    )
    studio.refused(3, MALFORMED, "expected 2 to 16 subjects")


def test_a_file_that_is_no_part_of_a_release(studio: Studio) -> None:
    studio.good()
    data = b"#!/bin/sh\n"
    (studio.folder / "run.sh").write_bytes(data)
    from tarkpm.core.digest import sha256

    def change(table: Table) -> None:
        table["subject"].append({"name": "run.sh", "digest": {"sha256": sha256(data)}})
        table["subject"].sort(key=lambda subject: subject["name"])
        table["predicate"]["sizes"]["run.sh"] = len(data)

    rewrite_statement(studio.user, studio.folder, change)
    studio.refused(3, "lists 'run.sh', which is not a module, licence or readme")


def test_a_file_that_is_listed_and_not_there(studio: Studio) -> None:
    studio.good()
    rewrite_statement(studio.user, studio.folder, _subject("LICENSE"))
    studio.refused(2, "the file 'LICENSE' that the release statement lists does not exist")


def test_a_file_name_that_cannot_be_encoded(studio: Studio) -> None:
    """A lone surrogate is valid JSON and no valid name; it must not reach a disk, or break an error."""
    studio.good()
    rewrite_statement(studio.user, studio.folder, _subject("LICENSE\ud800"))
    status = -1
    with contextlib.suppress(UnicodeEncodeError):  # an assertion that shows it would break pytest-xdist, too
        status = studio.add("--json").status
    assert status == 3


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (("name", "other"), "is for 'other' 1.0.0, expected 'text-tools' 1.0.0"),
        (("version", "1.0.1"), "is for 'text-tools' 1.0.1, expected 'text-tools' 1.0.0"),
        (("version", "1.0.0+build"), "is for 'text-tools' 1.0.0+build, expected 'text-tools' 1.0.0"),
    ],
)
def test_a_statement_that_says_another_name_or_version(
    studio: Studio, said: tuple[str, str], text: str
) -> None:
    studio.good()
    rewrite_statement(studio.user, studio.folder, _set("predicate", said[0], to=said[1]))
    studio.refused(3, "the release statement", text)


RAW = {
    "a key twice": (lambda p: p.replace(b'{"_type"', b'{"_type":"x","_type"'), "a key occurs twice"),
    "a key twice inside": (
        lambda p: p.replace(b'"version":', b'"version":"9.9.9","version":'),
        "a key occurs twice",
    ),
    "an escaped key twice": (
        lambda p: p.replace(b'"version":', b'"\\u0076ersion":"9.9.9","version":'),
        "a key occurs twice",
    ),
    "NaN": (lambda p: p.replace(b'"sizes":{', b'"sizes":{"x":NaN,'), "NaN is not JSON"),
    "infinity": (lambda p: p.replace(b'"sizes":{', b'"sizes":{"x":-Infinity,'), "-Infinity is not JSON"),
    "nested deeply": (lambda _: b"[" * 40_000 + b"]" * 8_000, "not strict JSON"),
    "a number without end": (lambda p: p.replace(b'"sizes":{', b'"sizes":{"x":' + b"9" * 5000 + b","), ""),
    "a list": (lambda p: b"[" + p + b"]", "expected an object"),
    "not UTF-8": (lambda p: p.replace(b"text-tools", b"text-tools\xff", 1), "not strict JSON"),
    "a byte order mark": (lambda p: b"\xef\xbb\xbf" + p, "not strict JSON"),
    "two documents": (lambda p: p + p, "not strict JSON"),
    "UTF-16": (lambda p: p.decode().encode("utf-16"), "not strict JSON"),
    "nothing": (lambda _: b" ", "not strict JSON"),
}


@pytest.mark.parametrize("case", list(RAW))
def test_a_payload_that_is_not_strict_json(studio: Studio, case: str) -> None:
    change, text = RAW[case]
    studio.good()
    rewrite_statement(studio.user, studio.folder, raw=change)
    studio.refused(3, MALFORMED, text)


def _twice(table: Table) -> None:
    table["signatures"] *= 2


ENVELOPES = {
    "two signatures": (_twice, "expected exactly one signature"),
    "no signature": (_set("signatures", to=[]), "expected exactly one signature"),
    "signatures that are a table": (_set("signatures", to={}), "expected exactly one signature"),
    "another payload type": (_set("payloadType", to="application/json"), "expected payloadType"),
    "a payload type in capitals": (
        _set("payloadType", to="application/VND.in-toto+json"),
        "expected payloadType",
    ),
    "a payload type that is a nest": (_set("payloadType", to=json.loads("[" * 400 + "]" * 400)), "payload"),
    "an unknown key": (_set("extra", to=1), "expected an object with exactly"),
    "no payload": (_drop("payload"), "expected an object with exactly"),
    "an empty payload": (_set("payload", to=""), "expected padded base64"),
    "a payload that is a number": (_set("payload", to=1), "expected a string"),
    "a payload in url-safe base64": (_set("payload", to="__--"), "expected padded base64"),
    "a payload with a line break": (_set("payload", to="e30=\n"), "expected padded base64"),
    "a short signature": (_set("signatures", 0, "sig", to="AAAA"), "expected a signature of 64 bytes"),
    "a signature with a certificate": (_set("signatures", 0, "cert", to="x"), "expected an object"),
    "no keyid": (_set("signatures", 0, "keyid", to=""), "keyid: expected ed25519:"),
    "a keyid that is null": (_set("signatures", 0, "keyid", to=None), "expected a string"),
    "a signature of nothing": (
        _set("signatures", 0, "sig", to=base64.b64encode(bytes(64)).decode()),
        "is not valid",
    ),
}


@pytest.mark.parametrize("case", list(ENVELOPES))
def test_an_envelope_that_is_malformed(studio: Studio, case: str) -> None:
    change, text = ENVELOPES[case]
    studio.good()
    rewrite_statement(studio.user, studio.folder, envelope=change)
    studio.refused(3, text)


RAW_ENVELOPES = {
    "a key twice": (lambda e: e.replace(b'{"payload"', b'{"payload":"e30=","payload"'), "a key occurs twice"),
    "the keyid twice": (lambda e: e.replace(b'"keyid"', b'"keyid":"x","keyid"'), "a key occurs twice"),
    "too large": (lambda e: e + b" " * 65536, "the limit is 65536"),
    "NaN": (lambda e: e.replace(b'"sig"', b'"x":NaN,"sig"'), "NaN is not JSON"),
    "nested deeply": (lambda _: b"[" * 60_000, "not strict JSON"),
    "no JSON": (lambda _: b"-----BEGIN PGP SIGNATURE-----\n", "not strict JSON"),
    "nothing": (lambda _: b"", "not strict JSON"),
    "null": (lambda _: b"null", "expected an object"),
}


@pytest.mark.parametrize("case", list(RAW_ENVELOPES))
def test_an_envelope_that_is_not_strict_json(studio: Studio, case: str) -> None:
    change, text = RAW_ENVELOPES[case]
    studio.good()
    rewrite_statement(studio.user, studio.folder, raw_envelope=change)
    studio.refused(3, MALFORMED, text)


def test_nesting_of_any_depth_is_one_error(studio: Studio) -> None:
    """Between what a JSON parser takes and what `repr` takes there may be a depth that only one of them does."""
    from tarkpm.core import statement
    from tarkpm.errors import SignatureInvalid

    for depth in (*range(1, 1200, 7), 5_000, 20_000):
        nest = b"[" * depth + b"]" * depth
        for data in (
            b'{"payload":"e30=","payloadType":%b,"signatures":[]}' % nest,
            b'{"payload":%b,"payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":1,"sig":%b}]}'
            % (nest, nest),
        ):
            with pytest.raises(SignatureInvalid):
                statement.parse_envelope(data, where="x")
