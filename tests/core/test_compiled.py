"""Statements of compiled code, and the keys in the user's configuration that may make them."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tarkpm.core.compiled import (
    MAX_CODE,
    CompiledCode,
    CompiledModule,
    read_compiled,
    sign_compiled,
)
from tarkpm.core.digest import sha256
from tarkpm.core.key import from_bytes
from tarkpm.core.statement import Envelope, pae, parse_envelope, render_envelope
from tarkpm.core.user_config import UserConfig
from tarkpm.errors import DocumentError, SignatureInvalid
from tarkpm.host.ipc.frames import MAX_COMPILED
from tarkpm.host.module import outline

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = from_bytes(PRIVATE.public_key().public_bytes_raw())
PART = CompiledModule(sha256(b"part"), "part", sha256(b"its code"), 8)
WHOLE = CompiledModule(sha256(b"plugin"), "component", sha256(b"code"), 4, (PART.module,))
CODE = CompiledCode(
    "linux/amd64",
    "wasmtime-50.0.1 7",
    {"epochs": True, "stack": 5, "form": "mapped"},
    tuple(sorted((PART, WHOLE))),
)
ENVELOPE = sign_compiled(CODE, key=KEY, signer=PRIVATE.sign)


def signed(payload: bytes) -> bytes:
    """An envelope of anything by the maker."""
    return render_envelope(Envelope(payload, PRIVATE.sign(pae(payload)), KEY))


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The statement with a change that the maker signed."""
    table = json.loads(parse_envelope(ENVELOPE, where="").payload)
    edit(table)
    return signed(json.dumps(table, sort_keys=True, separators=(",", ":")).encode())


def predicate(**fields: object) -> bytes:
    """The statement with other fields of the predicate."""
    return edited(lambda table: table["predicate"].update(fields))


def module(place: int, **fields: object) -> bytes:
    """The statement with other fields of a module."""
    return edited(lambda table: table["predicate"]["modules"][place].update(fields))


def test_what_is_signed_is_read() -> None:
    assert read_compiled(ENVELOPE, where="x") == (CODE, KEY)
    assert CODE.sizes == {PART.code: 8, WHOLE.code: 4}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (signed(b"{}"), "malformed: it has another shape$"),
        (module(0, size=0), "malformed: it has another shape$"),
        (edited(lambda table: table["subject"].reverse()), "not in the encoding that tarkpm writes$"),
        (
            edited(lambda table: table["predicate"]["modules"].reverse()),
            "expected modules in order, each once",
        ),
    ],
)
def test_why_it_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(SignatureInvalid, match=reason):
        read_compiled(data, where="x")


def test_limits_are_allowed() -> None:
    parts = tuple(sorted(msgspec.structs.replace(PART, module=sha256(b"%d" % n)) for n in range(4)))
    whole = msgspec.structs.replace(WHOLE, parts=tuple(one.module for one in parts), size=MAX_CODE)
    code = CompiledCode("p" * 200, "c", {"s" * 200: "v" * 200}, tuple(sorted((*parts, whole))))
    assert read_compiled(sign_compiled(code, key=KEY, signer=PRIVATE.sign), where="x") == (code, KEY)


def test_another_kind_of_statement_is_named() -> None:
    other = edited(lambda table: table.update(predicateType="urn:tarkpm:plugin-release:1"))
    with pytest.raises(SignatureInvalid, match="expected predicateType 'urn:tarkpm:compiled:1', found"):
        read_compiled(other, where="x")


def test_limits_are_those_of_what_makes_and_loads_code() -> None:
    from tarkpm.core.compiled import MAX_PARTS

    assert (MAX_CODE, MAX_PARTS) == (MAX_COMPILED, outline.MAX_PARTS)


def test_each_flipped_bit_of_the_signature_or_payload_is_found() -> None:
    envelope = parse_envelope(ENVELOPE, where="")
    for place in range(0, len(envelope.payload), 7):
        payload = bytearray(envelope.payload)
        payload[place] ^= 1
        with pytest.raises(SignatureInvalid):
            read_compiled(
                render_envelope(msgspec.structs.replace(envelope, payload=bytes(payload))), where=""
            )


@pytest.mark.parametrize(
    "data",
    [
        signed(b"{}"),
        signed(b"[" * 5_000),
        signed(b"\xff"),
        signed(parse_envelope(ENVELOPE, where="").payload + b" "),
        edited(lambda table: table.update(predicateType="urn:tarkpm:plugin-release:1")),
        edited(lambda table: table["subject"].reverse()),
        edited(lambda table: table["subject"].pop()),
        edited(lambda table: table["subject"][0]["digest"].update(sha256=sha256(b"other"))),
        predicate(platform=""),
        predicate(platform="linux\n/amd64"),
        predicate(compiler="x" * 201),
        predicate(settings={"stack": 1.5}),
        predicate(settings=[]),
        predicate(more=1),
        predicate(modules=[{}]),
        module(0, code="0" * 63),
        module(0, size=0),
        module(0, size=True),
        module(0, size=MAX_CODE + 1),
        module(0, kind="other"),
        module(0, module="../" + "0" * 61),
        module(0, more=1),
    ],
)
def test_what_is_no_statement(data: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        read_compiled(data, where="x")


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        ((WHOLE,), "whose code is there"),
        ((PART, PART), "each once"),
        ((PART, msgspec.structs.replace(WHOLE, parts=(PART.module,) * 5)), "at most 4 parts"),
        ((PART, msgspec.structs.replace(WHOLE, kind="core")), "in components only"),
        ((PART, msgspec.structs.replace(WHOLE, code=PART.code)), "two sizes"),
        ((PART, msgspec.structs.replace(WHOLE, module="../x")), "expected sha256 digests"),
        ((PART, msgspec.structs.replace(WHOLE, code="../x")), "expected sha256 digests"),
        ((PART, msgspec.structs.replace(WHOLE, parts=("../x",))), "expected sha256 digests"),
        ((PART, msgspec.structs.replace(PART, code=WHOLE.code, size=4)), "each once"),
    ],
)
def test_modules_that_contradict_each_other(modules: tuple[CompiledModule, ...], reason: str) -> None:
    code = msgspec.structs.replace(CODE, modules=modules)
    with pytest.raises(SignatureInvalid, match=reason):
        read_compiled(sign_compiled(code, key=KEY, signer=PRIVATE.sign), where="x")


def test_the_keys_of_a_configuration() -> None:
    found = UserConfig.parse(f'[bundle]\ncompiled-by = ["{KEY}"]'.encode(), where="config.toml")
    assert found.compiled_by == {KEY}
    many = f"[bundle]\ncompiled-by = {[str(KEY)] * 16}".encode()
    assert UserConfig.parse(many, where="config.toml").compiled_by == {KEY}
    assert UserConfig.parse(b"", where="config.toml").compiled_by == frozenset()
    assert UserConfig.parse(b"[bundle]", where="config.toml").compiled_by == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('compiled-by = ["builder"]', "expected ed25519:"),
        ('compiled-by = ["*"]', "expected ed25519:"),
        (f'compiled-by = "{KEY}"', "expected a list"),
        ("compiled-by = true", "expected a list"),
        (f"compiled-by = {[str(KEY)] * 17}", "at most 16 keys"),
        ("compiled_by = []", "not a known key"),
    ],
)
def test_what_lists_no_keys(text: str, expected: str) -> None:
    with pytest.raises(DocumentError, match=expected):
        UserConfig.parse(f"[bundle]\n{text}".encode(), where="config.toml")
