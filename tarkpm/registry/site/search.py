"""The files that let a browser search an index without a server.

A page cannot ``fetch`` files beside it on ``file://``, but can add ``<script src>``. So each file is a script
of one call, ``tarkpm(KIND, KEY, DATA)``, and DATA is JSON in ASCII:

- ``words/K.js``: names of plugins by word, for all keys that begin with K. A key is the word, a dot and a
  hash of the plugin's name in binary, so a word of very many plugins is split like any other prefix.
- ``keys/C.js``: the K of all ``words`` files that begin with the character C.
- ``cards/N.js``: what a result shows, for the plugins whose name has the hash N.

All are functions of the set of plugins: an index that grew one release at a time has the same files as one
that was read at once. ``assets/site.js`` splits words and hashes names as this module does.
"""

import json
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Final

import msgspec

MAX_SHARD: Final = 6_000
"""Characters of names in one file of words."""
CARDS: Final = 8
"""Plugins in one file of cards, on average at most."""
MAX_WORD: Final = 64
"""Characters of a word that count, as written in ASCII: words are parts of file names."""
MAX_TOOLS: Final = 12
"""Tools of one plugin that are searched."""

# A script without spaces between words: each character is a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_END: Final = "!"
_LAST: Final = "~"
"""Characters before and after all that a word, a hash or a name has."""
_OTHER: Final = re.compile(r"[^a-z0-9]")


class SearchCard(msgspec.Struct, frozen=True, array_like=True):
    """What a search result shows, and what is searched. The description is its author's text."""

    name: str
    version: str
    type: str
    kinds: tuple[str, ...] = ()
    description: str = ""
    tools: tuple[str, ...] = ()

    def words(self) -> frozenset[str]:
        """Return the words by which the plugin is found."""
        texts = (self.name, self.type, *self.kinds, self.description, *self.tools)
        return frozenset(words(" ".join(texts)))


def words(text: str) -> list[str]:
    """Return the words of a text, in ASCII.

    >>> words("JSON-tools für 日本")
    ['json', 'tools', 'f_fc_r', '_65e5_', '_672c_']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return [_OTHER.sub(_hex, word)[:MAX_WORD] for word in _WORD.findall(text.lower())]


def _hex(match: re.Match[str]) -> str:
    return f"_{ord(match[0]):x}_"


def fnv(name: str) -> int:
    """Return the FNV-1a hash of an ASCII text, of 32 bits: a few lines in any language."""
    found = 0x811C9DC5
    for byte in name.encode():
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


class SearchFile(msgspec.Struct, frozen=True):
    """A file below ``search/``; if it ``is_same`` as with the cards before, it need not be made again."""

    path: str
    is_same: bool
    make: Callable[[], bytes]


def search_files(cards: Sequence[SearchCard], before: Sequence[SearchCard] = ()) -> Iterator[SearchFile]:
    """Yield all files for these cards. Files that name others come later."""
    changed = set(cards) ^ set(before)
    yield from _cards(cards, before, changed)
    keys: dict[str, list[str]] = defaultdict(list)
    for file, prefix in _shards(cards, changed):
        keys[prefix[0]].append(prefix)
        yield file
    for first, prefixes in keys.items():
        yield SearchFile(f"keys/{first}.js", False, partial(_key_script, first, prefixes))
    start = {"buckets": bucket_count(len(cards)), "firsts": "".join(keys)}
    yield SearchFile("start.js", False, partial(script, "start", "", start))


def bucket_count(plugins: int) -> int:
    """Return the number of files of cards: a power of two, so that it rarely changes as an index grows."""
    return 1 << max(0, (plugins - 1) // CARDS).bit_length()


def _key_script(first: str, prefixes: Iterable[str]) -> bytes:
    """Return sorted prefixes, each as the length of what it shares with the one before, and the rest.

    Bits of a hash are long, and shared: without this, the file of a letter would be the largest of a search.
    """
    coded, before = [], ""
    for prefix in prefixes:
        pairs = enumerate(zip(before, prefix, strict=False))
        shared = next((at for at, (a, b) in pairs if a != b), min(len(before), len(prefix)))
        coded.append(f"{shared:02x}{prefix[shared:]}")
        before = prefix
    return script("keys", first, " ".join(coded))


def _cards(
    cards: Sequence[SearchCard], before: Sequence[SearchCard], changed: Iterable[SearchCard]
) -> Iterator[SearchFile]:
    count = bucket_count(len(cards))
    by_bucket: dict[int, list[SearchCard]] = {number: [] for number in range(count)}
    for card in cards:
        by_bucket[fnv(card.name) % count].append(card)
    stale = {fnv(card.name) % count for card in changed}
    for number, some in by_bucket.items():
        key = f"{number:x}"
        is_same = count == bucket_count(len(before)) and number not in stale
        yield SearchFile(f"cards/{key}.js", is_same, partial(_card_script, key, some))


def _card_script(key: str, cards: Iterable[SearchCard]) -> bytes:
    ordered = sorted(cards, key=lambda card: card.name)
    return script("cards", key, msgspec.to_builtins(ordered))


def _shards(cards: Iterable[SearchCard], changed: Iterable[SearchCard]) -> Iterator[tuple[SearchFile, str]]:
    """Yield the files of words with their prefixes, in as few files as their limit allows, sorted."""
    rows = sorted(_rows(cards))
    stale = sorted(_rows(changed))
    # Positions of a running sum tell the size of any range of rows at once.
    sizes = list(accumulate((len(row) - row.index(_END) + 3 for row in rows), initial=0))
    todo = [(0, len(rows), 1)] if rows else []
    while todo:
        first, last, length = todo.pop()
        prefix = rows[first][:length]
        end = bisect_left(rows, prefix + _LAST, first, last)
        if end < last:
            todo.append((end, last, length))
        if sizes[end] - sizes[first] > MAX_SHARD and _key(rows[first]) != _key(rows[end - 1]):
            todo.append((first, end, length + 1))
            continue
        is_same = bisect_left(stale, prefix) == bisect_left(stale, prefix + _LAST)
        make = partial(_word_script, prefix, rows[first:end])
        yield SearchFile(f"words/{prefix}.js", is_same, make), prefix


def _rows(cards: Iterable[SearchCard]) -> Iterator[str]:
    for card in cards:
        end = f".{fnv(card.name):032b}{_END}{card.name}"
        yield from [word + end for word in card.words()]


def _key(row: str) -> str:
    return row.partition(_END)[0]


def _word_script(prefix: str, rows: Iterable[str]) -> bytes:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.partition(".")[0]].append(row.partition(_END)[2])
    return script("words", prefix, {word: sorted(names) for word, names in found.items()})


def script(kind: str, key: str, data: Any) -> bytes:
    """Return a script that hands over data. It has no character that could end it early: JSON in ASCII."""
    return (
        f"tarkpm({json.dumps(kind)},{json.dumps(key)},{json.dumps(data, separators=(',', ':'))})\n".encode()
    )
