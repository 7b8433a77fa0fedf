"""Versions and ranges against the cases that semver.org publishes, and against npm's `semver`."""

import json
import random
import subprocess
from pathlib import Path

import pytest
from support.guests import npm_package

from tarkpm.core.version import Range, Version

CASES = Path(__file__).parent / "semver"
"""The cases of the regular expressions that https://semver.org suggests (FAQ), one a line."""
SEMVER = "semver@7.8.6"


def cases(name: str) -> list[str]:
    return (CASES / name).read_text().splitlines()


@pytest.mark.parametrize("text", cases("valid.txt"))
def test_what_semver_calls_valid(text: str) -> None:
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize("text", cases("invalid.txt"))
def test_what_semver_calls_invalid(text: str) -> None:
    with pytest.raises(ValueError, match="expected a version"):
        Version.parse(text)


def test_a_partial_bound_excludes_the_prereleases_of_what_it_excludes() -> None:
    """As in npm, and in Cargo's `matches_less`: ``<1.2`` begins below every 1.2.0."""
    assert not Range.parse("<1.2, >=1.2.0-a").matches(Version.parse("1.2.0-b"))
    assert not Range.parse("<1, >=1.0.0-a").matches(Version.parse("1.0.0-b"))
    assert Range.parse("<1.2.0, >=1.2.0-a").matches(Version.parse("1.2.0-b"))


# -- npm


SCRIPT = """
const semver = require('semver');
const [versions, pairs, texts] = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify([
  versions.map(([a, b]) => semver.compareBuild(a, b)),
  pairs.map(([range, version]) => semver.satisfies(version, range)),
  texts.map((text) => semver.parse(text)?.raw === text),
]));
"""
IDENTIFIERS = ["0", "1", "2", "10", "a", "b", "rc", "0a", "-", "A"]


def drawn(dice: random.Random, *, pre: float = 0.4) -> str:
    text = ".".join(str(dice.choice([0, 0, 1, 1, 2, 3, 10])) for _ in range(3))
    if dice.random() < pre:
        text += "-" + ".".join(dice.choices(IDENTIFIERS, k=dice.randint(1, 3)))
    return text


def comparator(dice: random.Random) -> str:
    op = dice.choice(["^", "~", "=", ">", ">=", "<", "<="])
    whole = drawn(dice)
    # Of a partial version, npm and Cargo read prereleases differently.
    return op + (
        whole if dice.random() < 0.7 else ".".join(whole.partition("-")[0].split(".")[: dice.randint(1, 2)])
    )


def agrees(comparators: list[str], version: str) -> bool:
    """Return whether the two grammars mean the same: only of a prerelease do partial versions differ."""
    return "-" not in version or all(one.count(".") >= 2 for one in comparators)


@pytest.mark.slow
def test_npm_finds_what_we_find() -> None:
    dice = random.Random(1)
    versions = [(drawn(dice), drawn(dice)) for _ in range(3_000)]
    built = [(f"{one}+{dice.choice('ab')}", f"{one}+{dice.choice('ab')}") for one, _ in versions[:200]]
    pairs: list[tuple[list[str], str]] = []
    while len(pairs) < 20_000:
        comparators, version = [comparator(dice) for _ in range(dice.randint(1, 3))], drawn(dice)
        if agrees(comparators, version):
            pairs.append((comparators, version))
    texts = cases("valid.txt") + cases("invalid.txt")
    given = json.dumps([versions + built, [(" ".join(some), version) for some, version in pairs], texts])
    done = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=npm_package(SEMVER),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    orders, matches, valid = json.loads(done.stdout)
    for (one, other), order in zip(versions + built, orders, strict=True):
        a, b = Version.parse(one), Version.parse(other)
        assert (a > b) - (a < b) == order, (one, other)
    for (comparators, version), theirs in zip(pairs, matches, strict=True):
        ours = Range.parse(", ".join(comparators)).matches(Version.parse(version))
        assert ours == theirs, (comparators, version)
    assert 0.1 < sum(matches) / len(matches) < 0.9
    # npm trims blanks and reads no number above 2**53, so its own list is a bit shorter.
    known = [text in cases("valid.txt") for text in texts]
    assert [text for text, a, b in zip(texts, known, valid, strict=True) if a != b] == [
        "99999999999999999999999.999999999999999999.99999999999999999"
    ]
