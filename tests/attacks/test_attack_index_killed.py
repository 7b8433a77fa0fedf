"""kill -9 at any moment of a refresh: the next command works, and finds nothing half-written."""

import random
import time

import pytest
from support.index_fixtures import Victim

from .test_attack_index_two_processes import spawn


@pytest.mark.slow  # `dev.py soak faults` kills more
@pytest.mark.parametrize("seed", range(2))
def test_at_any_moment(victim: Victim, seed: int) -> None:
    index, chance = victim.index, random.Random(seed)
    for number in range(2, 8):
        process = spawn(victim, 1000)
        end, patch = time.monotonic() + chance.uniform(0.3, 1.2), 0
        while time.monotonic() < end:
            index.release("text-tools", f"{number}.0.{patch}", index.text_key)
            index.publish()
            patch += 1
        process.kill()
        process.communicate()
        claim, listing = victim.looks()
        assert claim is not None
        assert listing == index.listings["text-tools"]
    left = [file.name for file in victim.cached.rglob("*") if file.suffix != ".json" and file.is_file()]
    assert left == []
