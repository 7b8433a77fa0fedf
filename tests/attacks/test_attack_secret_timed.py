"""A plugin that has a server repeat guesses, and measures how long the answer takes, learns nothing."""

import time

from tarkpm.core.masking import Mask

SECRET = "ghp_Zk3Qw9Lm2Xc7Vb5Nn1Rt8Yu4Io6Pa0Sd"
SIZE = 100_000


def seconds(mask: Mask, guess: str) -> float:
    """How long masking takes, at best: noise only adds to it."""
    data = (guess * (SIZE // len(guess))).encode()
    found = []
    for _ in range(7):
        start = time.process_time()
        assert mask.data(data) == data
        found.append(time.process_time() - start)
    return min(found)


def test_a_guess_that_is_nearly_right_takes_as_long_as_a_wrong_one() -> None:
    """With a search that compares one character after another, the first right one took ten times as long."""
    mask = Mask()
    mask.add(SECRET)
    guesses = [
        guess + "?" * (len(SECRET) - len(guess))
        for guess in (SECRET[:1], SECRET[:4], SECRET[:20], SECRET[:-1])
    ]
    wrong = seconds(mask, "?" * len(SECRET))
    times = [seconds(mask, guess) / wrong for guess in [*guesses, SECRET[:1], SECRET[:2]]]
    assert all(0.5 < one < 2 for one in times), times
