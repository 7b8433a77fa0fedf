"""The files that a browser searches: complete, small, and a function of the set of plugins."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

import tarkpm.registry.site as package
from tarkpm.registry.site.search import SearchCard, bucket_count, fnv, search_files, words

KB = 1000


def card(number: int, version: str = "1.0.0") -> SearchCard:
    text = f"What plugin-{number:06} does for an agent, said in one sentence of some length"
    return SearchCard(f"plugin-{number:06}", version, "tool", ("storage", "http"), text, ("text-stats",))


def files(cards: list[SearchCard], before: list[SearchCard] | None = None) -> dict[str, bytes]:
    return {file.path: file.make() for file in search_files(cards, before or ())}


def data(script: bytes) -> object:
    """What a script hands over."""
    return json.loads(f"[{script.decode()[7:-2]}]")[2]


def prefixes(made: dict[str, bytes], first: str) -> list[str]:
    """The prefixes of the files of words, as site.js reads them."""
    found, before = [], ""
    for one in str(data(made[f"keys/{first}.js"])).split(" "):
        before = before[: int(one[:2], 16)] + one[2:]
        found.append(before)
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return files([card(number) for number in range(1_500)])


def test_each_word_leads_to_each_plugin_that_has_it(made: dict[str, bytes]) -> None:
    listed: dict[str, set[str]] = {}
    for first in data(made["start.js"])["firsts"]:  # type: ignore[index]
        keys = prefixes(made, first)
        assert keys == sorted(keys)
        assert not any(after.startswith(before) for before, after in pairwise(keys))
        for key in keys:
            for word, names in data(made[f"words/{key}.js"]).items():  # type: ignore[attr-defined]
                assert f"{word}.".startswith(key) or key.startswith(f"{word}.")
                listed.setdefault(word, set()).update(names)
    expected: dict[str, set[str]] = {}
    for number in range(1_500):
        for word in card(number).words():
            expected.setdefault(word, set()).add(card(number).name)
    assert listed == expected


def test_cards_are_where_the_hash_of_their_name_says(made: dict[str, bytes]) -> None:
    count = data(made["start.js"])["buckets"]  # type: ignore[index]
    assert count == bucket_count(1_500) == 256
    for number in (0, 1, 1_499):
        cards = data(made[f"cards/{fnv(card(number).name) % count:x}.js"])
        assert card(number).name in [one[0] for one in cards]  # type: ignore[attr-defined]


def test_the_first_page_of_a_search_is_small(made: dict[str, bytes]) -> None:
    """The worst case: the largest file of each kind, as often as site.js loads it for two words and ten results."""

    def largest(kind: str) -> int:
        return max(len(script) for path, script in made.items() if path.startswith(kind))

    assets = sum(file.stat().st_size for file in (Path(package.__file__).parent / "assets").iterdir())
    front = 10 * KB
    assert assets + front + 2 * largest("keys") + 3 * largest("words") + 12 * largest("cards") < 100 * KB
    assert max(map(len, made.values())) < 8 * KB


def test_an_index_that_grew_has_the_files_of_one_that_was_read_at_once() -> None:
    order = [card(number) for number in range(300)]
    random.Random(7).shuffle(order)
    kept: dict[str, bytes] = {}
    before: list[SearchCard] = []
    for size in (1, 90, 129, 300, 200):
        cards = [*order[: size - 1], card(int(order[size - 1].name[-6:]), version=f"1.{size}.0")]
        found = list(search_files(cards, before))
        changed = {file.path: file.make() for file in found if not (file.is_same and file.path in kept)}
        kept = {file.path: changed[file.path] if file.path in changed else kept[file.path] for file in found}
        assert kept == files(cards), size
        before = cards


def test_one_release_changes_one_card_and_no_words() -> None:
    cards = [card(number) for number in range(200)]
    found = search_files([card(0, version="2.0.0"), *cards[1:]], cards)
    changed = [file.path for file in found if not file.is_same]
    assert len([path for path in changed if path.startswith("cards/")]) == 1
    # Files in which a word of the plugin is are made again; their bytes are the same.
    new, old = files([card(0, version="2.0.0"), *cards[1:]]), files(cards)
    assert [path for path in new if new[path] != old.get(path)] == [
        path for path in changed if path[:6] == "cards/"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JSON-tools für 日本", ["json", "tools", "f_fc_r", "_65e5_", "_672c_"]),
        ("ﬁle", ["file"]),
        ("a_b c.d", ["a", "b", "c", "d"]),
        ("x" * 90, ["x" * 64]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected
