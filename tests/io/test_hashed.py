"""A file that is hashed as it is written."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.io.hashed import WRITE_BACK, HashedWriter
from tarkpm.io.parallel import SMALL

SIZES = st.lists(st.sampled_from([0, 1, 512, SMALL - 1, SMALL, SMALL + 1]), max_size=12)


@pytest.fixture
def file() -> Iterator[io.BytesIO]:
    with io.BytesIO() as found:
        yield found


@given(SIZES)
def test_digest_and_size_are_those_of_the_file(sizes: list[int]) -> None:
    file = io.BytesIO()
    out = HashedWriter(file)
    for number, size in enumerate(sizes):
        out.write(bytes([number]) * size)
    assert out.size == sum(sizes)
    assert out.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    out.close()


def test_a_piece_may_change_once_the_next_is_written(file: io.BytesIO) -> None:
    out, buffers = HashedWriter(file), [bytearray(SMALL), bytearray(SMALL)]
    for number in range(20):
        buffer = buffers[number % 2]
        buffer[:] = bytes([number]) * SMALL
        out.write(memoryview(buffer))
    assert out.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    out.close()


def test_a_large_file_has_its_bytes_in_order(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        out, expected = HashedWriter(file), hashlib.sha256()
        for number in range(WRITE_BACK * 2 // SMALL):
            for piece in (bytes([number % 251]) * (SMALL + 1), b"between"):
                out.write(piece)
                expected.update(piece)
        out.close()
    assert out.sha256 == expected.hexdigest()
    assert hashlib.sha256((tmp_path / "large").read_bytes()).hexdigest() == out.sha256
