"""Work on many items: in batches of a size, and in threads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.io.parallel import batches, run_parallel


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([4], [[4]]),
        ([11], [[11]]),
        ([4, 6], [[4, 6]]),
        ([4, 7], [[4], [7]]),
        ([11, 1, 11, 9, 1], [[11], [1], [11], [9, 1]]),
    ],
)
def test_batches(sizes: list[int], expected: list[list[int]]) -> None:
    assert list(batches(sizes, int, 10)) == expected


@given(st.lists(st.integers(0, 30)))
def test_batches_hold_every_item_in_order_and_no_more_than_fits(sizes: list[int]) -> None:
    found = list(batches(sizes, int, 20))
    assert [size for batch in found for size in batch] == sizes
    assert all(sum(batch) <= 20 or len(batch) == 1 for batch in found)


@pytest.mark.parametrize("threads", [1, 3, 50])
def test_results_keep_the_order_of_items(threads: int) -> None:
    assert run_parallel(lambda item: item * item, range(20), threads=threads) == [n * n for n in range(20)]
