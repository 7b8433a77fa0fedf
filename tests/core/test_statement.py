"""Keys and release statements: one spelling, strict forms, and only what was signed."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tarkpm.core import statement
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import SMALL_ORDER_Y, from_bytes, public_key
from tarkpm.core.release import GitSource, PluginName
from tarkpm.core.verification import verify_release
from tarkpm.core.version import Version
from tarkpm.errors import DigestMismatch, SignatureInvalid

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = from_bytes(PRIVATE.public_key().public_bytes_raw())
TOML = b'[plugin]\nname = "demo"\nversion = "1.0.0"\ntype = "tool"\n'
FILES = {"plugin.toml": TOML, "plugin.wasm": b"\0asm\x0d\0\1\0"}
SOURCE = GitSource("https://example.com/x.git", commit="a" * 40)


def envelope(files: dict[str, bytes] = FILES, name: str = "demo", version: str = "1.0.0") -> bytes:
    entries = [FileEntry.of(name, data) for name, data in files.items()]
    return statement.sign(PluginName(name), Version.parse(version), entries, key=KEY, signer=PRIVATE.sign)


def resigned(change: Callable[[Any], Any]) -> bytes:
    """A correctly signed envelope around a changed payload."""
    payload = json.loads(base64.b64decode(json.loads(envelope())["payload"]))
    changed = change(payload)
    if isinstance(changed, bytes):
        return wrapped(changed)
    return wrapped(json.dumps(payload, sort_keys=True, separators=(",", ":")).encode())


def wrapped(payload: bytes) -> bytes:
    return statement.render_envelope(statement.Envelope(payload, PRIVATE.sign(statement.pae(payload)), KEY))


def test_what_was_hashed_is_compared() -> None:
    """Bytes that were found to be something else than what was signed are refused, whoever hashed them."""
    hashed = [FileEntry.of(name, data) for name, data in FILES.items()]
    assert verify_release(FILES, envelope(), SOURCE, where="x", hashed=hashed).signer == KEY
    other = FILES | {"plugin.wasm": b"\0asm\x0d\0\1\1"}
    found = [FileEntry.of(name, data) for name, data in other.items()]
    for known in (found, found[:1], []):
        with pytest.raises(DigestMismatch, match="'plugin.wasm' has sha256"):
            verify_release(other, envelope(), SOURCE, where="x", hashed=known)


def test_what_is_signed_verifies_and_names_its_signer() -> None:
    candidate = verify_release(FILES, envelope(), SOURCE, where="x")
    assert candidate.signer == KEY
    assert [file.name for file in candidate.files] == ["plugin.toml", "plugin.wasm"]
    assert candidate.statement is not None
    assert candidate.statement.sha256 == sha256(envelope())


def test_pae_is_dsses_own_example() -> None:
    """DSSE protocol.md: PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    assert statement.pae(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"


def test_openssl_would_accept_the_signature() -> None:
    table = json.loads(envelope())
    signed = statement.pae(base64.b64decode(table["payload"]))
    PRIVATE.public_key().verify(base64.b64decode(table["signatures"][0]["sig"]), signed)


@pytest.mark.parametrize("name", list(FILES))
def test_another_byte_in_a_file_is_found(name: str) -> None:
    data = bytearray(FILES[name])
    data[-1] ^= 1
    with pytest.raises(DigestMismatch, match=f"'{name}' has sha256 [0-9a-f]{{64}}, expected"):
        verify_release(FILES | {name: bytes(data)}, envelope(), SOURCE, where="x")


def test_a_file_more_or_less_is_found() -> None:
    with pytest.raises(
        DigestMismatch, match="'plugin.wasm' is listed in the release statement, but missing from the release"
    ):
        verify_release({"plugin.toml": TOML}, envelope(), SOURCE, where="x")
    with pytest.raises(DigestMismatch, match="'LICENSE' is not listed in the release statement"):
        verify_release(FILES | {"LICENSE": b""}, envelope(), SOURCE, where="x")


@pytest.mark.parametrize(("name", "version"), [("other", "1.0.0"), ("demo", "0.9.0")])
def test_a_statement_for_another_plugin_or_version_is_refused(name: str, version: str) -> None:
    with pytest.raises(SignatureInvalid, match=f"is for '{name}' {version}, expected 'demo' 1.0.0"):
        verify_release(FILES, envelope(name=name, version=version), SOURCE, where="x")


@pytest.mark.parametrize("position", range(0, 900, 53))
def test_a_flipped_bit_in_the_statement_is_refused(position: int) -> None:
    data = bytearray(envelope())
    data[position % len(data)] ^= 4
    with pytest.raises(SignatureInvalid):
        verify_release(FILES, bytes(data), SOURCE, where="x")


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda table: table.pop(key) and None


def put(value: Any, *path: Any) -> Callable[[Any], None]:
    def change(table: Any) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("https://in-toto.io/Statement/v0.1", "_type"), "expected _type"),
        (put("urn:tarkpm:plugin-release:2", "predicateType"), "expected predicateType"),
        (put("urn:tarkpm:plugin-release:1 ", "predicateType"), "expected predicateType"),
        (put({"sha512": "x"}, "subject", 0, "digest"), "exactly sha256"),
        (put({"sha256": "A" * 64}, "subject", 0, "digest"), "malformed sha256"),
        (put("../plugin.wasm", "subject", 1, "name"), "expected a plain relative file name"),
        (put("/plugin.wasm", "subject", 1, "name"), "expected a plain relative file name"),
        (put(".hidden", "subject", 1, "name"), "expected a plain relative file name"),
        (put("data", "subject", 1, "name"), "expected a plain relative file name"),
        (put("a\\b", "subject", 1, "name"), "expected a plain relative file name"),
        (put("PLUGIN.TOML", "subject", 1, "name"), "has no size"),
        (put([], "subject"), "expected 2 to 16 subjects"),
        (put({}, "predicate", "sizes"), "has no size"),
        (put(True, "predicate", "sizes", "plugin.toml"), "has no size"),
        (put(1, "predicate", "sizes", "extra"), "sizes and subjects do not name the same files"),
        (put(1, "predicate", "name"), "expected a string"),
        (put("1.0", "predicate", "version"), "expected a version like 1.2.3"),
        (put("x", "extra"), "expected an object with exactly"),
        (drop("predicate"), "expected an object with exactly"),
        (lambda _: b'{"_type":1,"_type":1}', "a key occurs twice"),
        (lambda _: b'{"_type":NaN}', "NaN is not JSON"),
        (lambda _: b"[" * 60000, "not strict JSON|the limit is"),
        (lambda _: b"\xff", "not strict JSON"),
    ],
)
def test_a_correctly_signed_but_unexpected_statement_is_refused(change: Any, sentence: str) -> None:
    with pytest.raises(SignatureInvalid, match=sentence):
        statement.verify(resigned(change))


def outer(change: Callable[[dict[str, Any]], None]) -> bytes:
    table = json.loads(envelope())
    change(table)
    return json.dumps(table).encode()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (outer(lambda t: t["signatures"].append(t["signatures"][0])), "expected exactly one signature"),
        (outer(put([], "signatures")), "expected exactly one signature"),
        (outer(put("text/plain", "payloadType")), "expected payloadType"),
        (outer(put("x", "extra")), "expected an object with exactly"),
        (outer(put("AAAA", "signatures", 0, "sig")), "expected a signature of 64 bytes, found 3"),
        (outer(put("release", "signatures", 0, "keyid")), "keyid: expected ed25519:"),
        (envelope().rstrip()[:-1] + b',"payload":"AAAA"}', "a key occurs twice"),
        (b"x" * 65537, "65537 bytes, the limit is 65536"),
        (b"", "not strict JSON"),
        (b"[]", "expected an object with exactly"),
    ],
)
def test_a_malformed_envelope_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(SignatureInvalid, match=sentence):
        statement.verify(data)


def spelled(data: bytes, **how: Any) -> bytes:
    """The same JSON value in another spelling."""
    return json.dumps(json.loads(data), **how).encode() + b"\n"


COMPACT = (",", ":")
PLAIN = base64.b64decode(json.loads(envelope())["payload"])
ANOTHER_ENVELOPE = {
    "without the newline": envelope().rstrip(),
    "two newlines": envelope() + b"\n",
    "a carriage return": envelope().replace(b"\n", b"\r\n"),
    "a space before": b" " + envelope(),
    "spaces": spelled(envelope()),
    "indented": spelled(envelope(), indent=1),
    "other order": spelled(
        json.dumps(dict(reversed(json.loads(envelope()).items()))).encode(), separators=COMPACT
    ),
    "keyid last": envelope()
    .replace(b'"keyid":"%s",' % KEY.encode(), b"")
    .replace(b'"}]', b'","keyid":"%s"}]' % KEY.encode()),
    "an escape": envelope().replace(b'"payload":', b'"\\u0070ayload":'),
    "an escaped slash": envelope().replace(b"application/", b"application\\/"),
    "an escape in base64": envelope().replace(b'"payload":"e', b'"payload":"\\u0065'),
}
ANOTHER_PAYLOAD = {
    "spaces": json.dumps(json.loads(PLAIN), sort_keys=True).encode(),
    "a newline": PLAIN + b"\n",
    "other order": json.dumps(dict(reversed(json.loads(PLAIN).items())), separators=COMPACT).encode(),
    "an escape": PLAIN.replace(b'"name":"demo"', b'"name":"d\\u0065mo"'),
    "a name in capitals": PLAIN.replace(b'"name":"demo"', b'"name":"Demo"'),
    "subjects in another order": json.dumps(
        json.loads(PLAIN) | {"subject": json.loads(PLAIN)["subject"][::-1]},
        sort_keys=True,
        separators=COMPACT,
    ).encode(),
}


@pytest.mark.parametrize("how", list(ANOTHER_ENVELOPE))
def test_an_envelope_has_one_spelling(how: str) -> None:
    """The signature holds in all of them: only the spelling tells them apart."""
    data = ANOTHER_ENVELOPE[how]
    assert data != envelope()
    assert json.loads(data) == json.loads(envelope())
    with pytest.raises(
        SignatureInvalid, match="the envelope is not in the canonical encoding that 'tarkpm sign'"
    ):
        statement.verify(data)


@pytest.mark.parametrize("how", list(ANOTHER_PAYLOAD))
def test_a_payload_has_one_spelling(how: str) -> None:
    """Its publisher signed each of them."""
    assert ANOTHER_PAYLOAD[how] != PLAIN
    with pytest.raises(SignatureInvalid, match="the signed payload is not in the canonical encoding"):
        statement.verify(wrapped(ANOTHER_PAYLOAD[how]))


def test_a_file_that_is_no_module_licence_or_readme_is_refused() -> None:
    files = FILES | {"install.sh": b"#!"}
    with pytest.raises(
        SignatureInvalid, match="lists 'install.sh', which is not a module, licence or readme"
    ):
        verify_release(files, envelope(files), SOURCE, where="x")


def test_a_statement_that_lists_itself_is_refused() -> None:
    files = FILES | {"plugin.dsse.json": b"{}"}
    with pytest.raises(SignatureInvalid, match=r"and not 'plugin.dsse.json'"):
        statement.verify(envelope(files))


# -- keys


def test_the_small_order_list_is_complete() -> None:
    """RFC 8032 5.1: the eight points P with [8]P = O, computed here from the curve's equation."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p

    def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        k = d * a[0] * b[0] * a[1] * b[1]
        x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, p)
        return x % p, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, p) % p

    def x_of(y: int) -> int:
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        return x if (x * x - square) % p == 0 else x * pow(2, (p - 1) // 4, p) % p

    found = set()
    for y in SMALL_ORDER_Y:
        point = (x_of(y), y)
        found |= {point, (-point[0] % p, y)}
        for _ in range(3):
            point = add(point, point)
        assert point == (0, 1), hex(y)
    assert len(found) == 8


@pytest.mark.parametrize("y", sorted(SMALL_ORDER_Y), ids=hex)
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_weak_key_is_refused(y: int, sign: int) -> None:
    with pytest.raises(ValueError, match="expected a strong key"):
        public_key("ed25519:" + base64.b64encode((y | sign).to_bytes(32, "little")).decode())


def test_a_key_not_in_canonical_form_is_refused() -> None:
    with pytest.raises(ValueError, match="not in canonical form"):
        from_bytes((2**255 - 19 + 4).to_bytes(32, "little"))


@pytest.mark.parametrize(
    "text",
    [
        KEY.rstrip("="), KEY + "=", KEY[:-2] + chr(ord(KEY[-2]) + 1) + "=", KEY.replace("ed25519", "ED25519"),
        " " + KEY, KEY + "\n", KEY.removeprefix("ed25519:"), "ed25519:", KEY + "AAAA",
        KEY.replace("/", "_").replace("+", "-") + " ",
    ],
)  # fmt: skip
def test_a_key_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="expected ed25519: and 44 characters of base64"):
        public_key(text)
