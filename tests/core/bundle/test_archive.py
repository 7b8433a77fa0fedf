"""The headers of a bundle: what Python's `tarfile` writes of the same files, and reads."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.bundle.archive import BLOBS, BLOCK, END, INDEX, MAX_MEMBER, Member, header, read_header

NAMES = st.one_of(st.just(INDEX), st.binary(min_size=32, max_size=32).map(lambda data: BLOBS + data.hex()))


@given(NAMES, st.integers(0, MAX_MEMBER))
def test_a_header_is_the_one_that_tarfile_writes(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size

    assert header(Member(name, size)) == info.tobuf(tarfile.USTAR_FORMAT)


@given(NAMES, st.integers(0, MAX_MEMBER))
def test_a_header_is_read_as_it_was_written(name: str, size: int) -> None:
    assert read_header(header(Member(name, size))) == Member(name, size)


@given(st.integers(0, BLOCK - 1), st.integers(1, 255))
def test_a_header_with_any_other_byte_is_refused(at: int, difference: int) -> None:
    block = bytearray(header(Member(INDEX, 7)))
    block[at] ^= difference

    with pytest.raises(ValueError, match="expected|has more than"):
        read_header(bytes(block))


def test_tarfile_reads_a_bundle() -> None:
    data = header(Member(INDEX, 2)) + b"{}".ljust(BLOCK, b"\0") + END

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (only,) = archive.getmembers()
        found = archive.extractfile(only)
        assert found is not None
        assert (only.name, only.mode, found.read()) == (INDEX, 0o644, b"{}")
