"""Masking a secret in bytes: whole and in pieces, and in escapes within escapes."""

import html
import json
import random
import string
import time
import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.secret_fixtures import VALUE, spellings

from tarkpm.core import masking
from tarkpm.core.masking import Mask
from tarkpm.core.unescape import origins, unescaped

SECRETS = ("abcdefgh", "abcdefghSECRET", VALUE)
QUOTES: tuple[Callable[[str], str], ...] = (
    json.dumps,
    html.escape,
    urllib.parse.quote,
    urllib.parse.quote_plus,
)


def mask_of(*secrets: str) -> Mask:
    mask = Mask()
    for secret in secrets:
        mask.add(secret)
    return mask


@pytest.mark.parametrize("block", [7, 1 << 16])
@pytest.mark.parametrize("size", [1, 10])
def test_streaming_masks_what_masking_the_whole_does(
    monkeypatch: pytest.MonkeyPatch, size: int, block: int
) -> None:
    """Also where one secret is the beginning of another, and in spellings that are cut anywhere."""
    mask = mask_of(*SECRETS)
    texts = [
        f"{VALUE}abcdefghSECRETabcdefgh",
        "abcdefgabcdefghSECRE",
        f"--{VALUE}{VALUE}--",
        "abcdefghSECRET",
    ]
    texts += [f"{'%' * 3}{spelled}{'x' * 900}" for spelled in spellings().values()]
    whole = [mask.data(text.encode()) for text in texts]
    monkeypatch.setattr(masking, "_BLOCK", block)
    for text, masked in zip(texts, whole, strict=True):
        data = text.encode()
        assert b"".join(mask.stream(data[at : at + size] for at in range(0, len(data), size))) == masked
        assert len(masked) == len(data)
    assert mask.text("abcdefghSECRET") == "*" * 14


@pytest.mark.parametrize("outer", QUOTES)
@pytest.mark.parametrize("inner", QUOTES)
def test_in_escapes_within_escapes(inner: Callable[[str], str], outer: Callable[[str], str]) -> None:
    """As a URL in a page in a JSON document has them."""
    spelled = outer(inner(VALUE))
    masked = mask_of(VALUE).text(spelled)
    assert len(masked) == len(spelled)
    assert masked.count("*") >= len(VALUE)
    assert not [part for part in ("ghp", "0123", "4567") if part in masked]


@pytest.mark.parametrize(
    "before", ["%", "%4", "%25", "\\", "\\x", "\\u00", "&#", "&#3", "&", "=", "=\r", "%%%%"]
)
@pytest.mark.parametrize("secret", ["41abcdefgh1", "nabcdefgh12", "1;abcdefgh1", "amp;abcdefgh"])
def test_behind_the_beginning_of_an_escape(secret: str, before: str) -> None:
    """A plugin may choose what stands before it."""
    assert mask_of(secret).text(f"{before}{secret}.").endswith("*" * len(secret) + ".")


@given(st.binary(max_size=60), st.sampled_from(sorted(spellings().values())), st.binary(max_size=60))
def test_in_any_bytes(before: bytes, spelled: str, after: bytes) -> None:
    data = before + spelled.encode() + after
    masked = mask_of(VALUE).data(data)
    assert len(masked) == len(data)
    middle = masked[len(before) : len(masked) - len(after)]
    assert middle.count(b"*") >= len(VALUE)


@given(st.binary(max_size=200))
def test_other_bytes_stay_and_escapes_know_where_they_were(data: bytes) -> None:
    assert mask_of(VALUE).data(data) == data
    starts, ends = origins(data)
    assert len(starts) == len(ends) == len(unescaped(data))
    assert all(start < end for start, end in zip(starts, ends, strict=True))


def test_a_long_secret_in_chunks_of_one_byte() -> None:
    """A server that sends each byte in a chunk, and a token of the longest kind, take little time."""
    secret = "".join(random.Random(1).choices(string.ascii_letters, k=4096))
    start = time.process_time()
    data = (secret[:-1] + "?").encode() * 50
    assert b"".join(mask_of(secret).stream(data[at : at + 1] for at in range(len(data)))) == data
    assert time.process_time() - start < 5


def test_a_stream_holds_little_back() -> None:
    given = sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal given
        for _ in range(1000):
            given += 1000
            yield b"x" * 1000

    for piece in mask_of("abcdefgh").stream(chunks()):
        sent += len(piece)
        assert given - sent <= 24 * 8
    assert sent == given
