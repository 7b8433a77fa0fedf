"""Who compiled which modules to native code, for what machine: signed, in bundles (docs/decisions/0244).

A statement is an in-toto statement (https://github.com/in-toto/attestation) with a predicate type of its own,
in a DSSE envelope as a release statement is, in one canonical encoding. Its subjects are pieces of native
code, by digest, each under the digest of the module that it was compiled from.

A signature says who compiled, and nothing about what the code does: nobody can check that it is the code of
the module. Whoever takes it lets its maker run anything. So it is taken only where a user's own configuration
names the key (`tarkpm.core.user_config`).
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from tarkpm.core.digest import Digest, is_digest
from tarkpm.core.key import PublicKey, check_signature
from tarkpm.core.shapes import from_value
from tarkpm.core.statement import STATEMENT_TYPE, Envelope, pae, parse_envelope, render_envelope
from tarkpm.core.text import short
from tarkpm.errors import SignatureInvalid

PREDICATE_TYPE: Final = "urn:tarkpm:compiled:1"
MAX_COMPILED_STATEMENT: Final = 1 << 20
"""Bytes."""
MAX_MODULES: Final = 1_000
MAX_CODE: Final = 1 << 30
"""Size limit of the code of one module, in bytes: that of a compiler's output. CPython has 20 MB."""
MAX_PARTS: Final = 4

_TEXT: Final = 200

Kind = Literal["component", "core", "part"]
"""What code was made from: a component, a core module of the older ABI, or a part of outlined components."""

Settings = Mapping[str, bool | int | str]
"""The settings of a compiler that its code depends on."""

_Count = Annotated[int, msgspec.Meta(gt=0, le=MAX_CODE)]


class CompiledModule(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """The code of a module: digests of both, the code's size in bytes, and the modules that are its parts."""

    module: Digest
    kind: Kind
    code: Digest
    size: _Count
    parts: tuple[Digest, ...] = ()


class CompiledCode(msgspec.Struct, frozen=True):
    """What a statement says: ``platform`` is spelled as OCI does, ``linux/amd64``."""

    platform: str
    compiler: str
    settings: Settings
    modules: tuple[CompiledModule, ...]

    @property
    def sizes(self) -> dict[Digest, int]:
        """The size of each piece of code, by its digest. Different modules may have the same code."""
        return {one.code: one.size for one in self.modules}


class _Predicate(msgspec.Struct, forbid_unknown_fields=True):
    platform: str
    compiler: str
    settings: dict[str, bool | int | str]
    modules: Annotated[list[CompiledModule], msgspec.Meta(max_length=MAX_MODULES)]


class _Statement(
    msgspec.Struct, forbid_unknown_fields=True, rename={"type_": "_type", "kind": "predicateType"}
):
    type_: str
    subject: list[Any]
    kind: str
    predicate: _Predicate


def sign_compiled(code: CompiledCode, *, key: PublicKey, signer: Callable[[bytes], bytes]) -> bytes:
    """Return the envelope of a statement. ``signer`` signs a message with the private key of ``key``."""
    payload = _payload(code)
    return render_envelope(Envelope(payload, signer(pae(payload)), key))


def read_compiled(data: bytes, *, where: str) -> tuple[CompiledCode, PublicKey]:
    """Verify a statement; returns what it says and who signed it. Raises `SignatureInvalid`."""
    envelope = envelope_of(data, where=where)
    # The payload is parsed after its signature was checked (DSSE protocol, "Verify").
    check_signature(envelope.key, envelope.signature, pae(envelope.payload), where=where)
    return claimed(envelope, where=where), envelope.key


def envelope_of(data: bytes, *, where: str) -> Envelope:
    """Return the envelope of a statement, whose signature is not checked. Raises `SignatureInvalid`."""
    return parse_envelope(data, where=where, limit=MAX_COMPILED_STATEMENT)


def claimed(envelope: Envelope, *, where: str) -> CompiledCode:
    """Return what a statement says, without checking its signature. Raises `SignatureInvalid`."""
    from tarkpm.core.document import strict_json

    try:
        found = from_value(strict_json(envelope.payload), _Statement)
        if (found.type_, found.kind) != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise ValueError(f"expected predicateType '{PREDICATE_TYPE}', found {short(found.kind)}")
        said = found.predicate
        code = CompiledCode(said.platform, said.compiler, said.settings, tuple(said.modules))
        _check(code)
    except (ValueError, RecursionError, msgspec.ValidationError) as problem:
        why = str(problem) if type(problem) is ValueError else "it has another shape"
        raise SignatureInvalid(f"the statement of compiled code is malformed: {why}", where=where) from None
    # Also holds the subjects to the predicate.
    if _payload(code) != envelope.payload:
        text = "the statement of compiled code is not in the encoding that tarkpm writes"
        raise SignatureInvalid(text, where=where)
    return code


def _check(code: CompiledCode) -> None:
    texts = (code.platform, code.compiler, *code.settings, *map(str, code.settings.values()))
    if not all(text.isprintable() and 0 < len(text) <= _TEXT for text in texts):
        raise ValueError("expected short, printable texts")
    keys = [(one.module, one.kind) for one in code.modules]
    if list(code.modules) != sorted(code.modules) or len(set(keys)) != len(keys):
        raise ValueError("expected modules in order, each once")
    for one in code.modules:
        if not all(map(is_digest, (one.module, one.code, *one.parts))):
            raise ValueError("expected sha256 digests")
        if code.sizes[one.code] != one.size:
            raise ValueError("one piece of code has two sizes")
        if one.parts and one.kind != "component":
            raise ValueError("expected parts in components only")
        if len(one.parts) > MAX_PARTS or not {(part, "part") for part in one.parts} <= set(keys):
            raise ValueError(f"expected at most {MAX_PARTS} parts, whose code is there, too")


def _payload(code: CompiledCode) -> bytes:
    modules = sorted(code.modules)
    table = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"{one.module}.{one.kind}", "digest": {"sha256": one.code}} for one in modules],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "platform": code.platform,
            "compiler": code.compiler,
            "settings": dict(code.settings),
            "modules": [msgspec.to_builtins(one) for one in modules],
        },
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
