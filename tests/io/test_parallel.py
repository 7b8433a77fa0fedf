"""Work on many items: in batches of a size, and in threads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.io.parallel import SMALL, ahead, batches, run_parallel, threads_for


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


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_made_ahead_comes_in_order(threads: int) -> None:
    for count in (0, 1, 2, 3, 20):
        assert list(ahead(lambda item: item * item, range(count), threads=threads)) == [
            n * n for n in range(count)
        ]


@pytest.mark.parametrize("threads", [1, 2])
def test_one_item_is_made_ahead_and_no_more(threads: int) -> None:
    made: list[int] = []
    for used, _ in enumerate(ahead(made.append, range(20), threads=threads), 1):
        assert len(made) <= used + threads - 1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_problem_is_raised_in_the_turn_of_its_item(threads: int) -> None:
    found = ahead(lambda item: 6 // item, [3, 2, 0, 1], threads=threads)
    assert [next(found), next(found)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_threads_are_for_large_items() -> None:
    assert threads_for([SMALL, SMALL], 4) == 4
    assert threads_for([SMALL * 3, 0], 4) == 4
    assert threads_for([SMALL - 1, SMALL], 4) == 1
