"""What a client gets from an honest index, and what it costs."""

import shutil
import threading
import time

import pytest
from support.index_fixtures import JSON, TEXT, Victim
from support.indexrepo import public
from support.indexserver import Handler

from tarkpm.core.claim import Claim
from tarkpm.core.digest import sha256
from tarkpm.core.layout import CLAIMS, INDEX, TOP
from tarkpm.core.lockfile import Pin
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.verification import verify_release
from tarkpm.sources.index.places import Patience, gather

NONE = PluginName("no-such")


@pytest.mark.parametrize("by", ["http", "folder"])
def test_claims_rows_and_releases(victim: Victim, by: str) -> None:
    source = IndexSource("community", victim.root)
    with victim.client(url="" if by == "http" else str(victim.index.folder)) as client:
        client.refresh()
        claims = client.claims([TEXT, JSON, NONE])
        claim, found = claims[TEXT], claims[JSON]
        assert claims[NONE] is None
        assert claim is not None
        assert found is not None
        assert found.name == "json_core"
        listing = client.listings([TEXT, NONE])[TEXT]
        assert listing is not None
        assert [str(row.version) for row in listing.rows] == ["1.0.0", "1.1.0"]
        wanted = [Pin(TEXT, row.statement, row.files) for row in listing.rows]
        for row, contents in zip(listing.rows, client.releases(wanted), strict=True):
            envelope = contents.pop(STATEMENT)
            candidate = verify_release(contents, envelope, source, where="here")
            assert candidate.manifest.version == row.version
            assert candidate.statement is not None
            assert candidate.signer is not None
            assert claim.allows(candidate.signer, candidate.manifest.version, candidate.statement.sha256)


def test_what_a_first_question_and_a_second_cost(victim: Victim) -> None:
    requests, server = victim.server.requests, victim.server
    with victim.client() as client:
        client.claims([TEXT])
        client.listings([TEXT])
        assert len(requests) == 11, server.paths
        requests.clear()
        client.claims([TEXT])
        client.refresh()
        assert requests == []
    victim.looks()
    assert server.paths == ["metadata/2.root.json", "metadata/timestamp.json"]


def _publishers(victim: Victim) -> list[str]:
    return [path for path in victim.server.paths if path.startswith("targets/publishers/")]


def test_a_claim_that_is_just_as_likely_is_not_fetched(victim: Victim) -> None:
    likely = Claim(TEXT, public(victim.index.text_key))
    with victim.client() as client:
        assert client.claims([TEXT, NONE], [likely, Claim(NONE, likely.key)]) == {TEXT: likely, NONE: None}
        assert _publishers(victim) == []
        assert client.claims([TEXT])[TEXT] == likely
        assert _publishers(victim) == [], "it is kept in the cache, as one that was fetched"


@pytest.mark.parametrize("by", ["another key", "another name", "no key", "what was revoked"])
def test_what_is_likely_is_not_believed(victim: Victim, by: str) -> None:
    """Whoever wrote the lock, or holds the online key and wrote the rows, says what he likes."""
    true = public(victim.index.text_key)
    lies = {
        "another key": Claim(TEXT, public(victim.index.json_key)),
        "another name": Claim(PluginName("text_tools"), true),
        "no key": Claim(TEXT, None),
        "what was revoked": Claim(TEXT, true, revoked=frozenset([sha256(b"")])),
    }
    with victim.client() as client:
        assert client.claims([TEXT], [lies[by]])[TEXT] == Claim(TEXT, true)
        assert len(_publishers(victim)) == 1
    victim.index.put_claim(Claim(TEXT, true, revoked=frozenset([sha256(b"a release")])))
    victim.index.publish()
    with victim.client(cache="new") as client:
        claim = client.claims([TEXT], [Claim(TEXT, true)])[TEXT]
        assert claim is not None
        assert claim.revoked == {sha256(b"a release")}


class Somewhere:
    """A place that answers at once for so many times, and then no more."""

    def __init__(self, prompt: int) -> None:
        self.prompt = prompt

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        raise NotImplementedError

    def is_prompt(self) -> bool:
        self.prompt -= 1
        return self.prompt >= 0

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("prompt", [0, 1, 7, 20, 100])
def test_threads_wait_for_a_server_that_is_waited_for(prompt: int) -> None:
    def work(item: int) -> tuple[int, bool]:
        return item * item, threading.current_thread() is threading.main_thread()

    done = gather(Somewhere(prompt), work, range(20), threads=4)
    assert [result for result, _ in done] == [item * item for item in range(20)]
    assert sum(alone for _, alone in done) == min(prompt, 20)


def test_a_server_that_takes_its_time_is_asked_by_many(victim: Victim) -> None:
    """The first answers tell; a folder is always prompt."""
    at_once = set()

    def late(handler: Handler) -> None:
        at_once.add(threading.current_thread())
        time.sleep(0.02)
        handler.file(victim.index.folder / handler.path.lstrip("/"))

    victim.server.answers[""] = late
    with victim.client() as client:
        listing = client.listings([TEXT, JSON])[TEXT]
        assert listing is not None
        pins = [Pin(TEXT, row.statement, row.files) for row in listing.rows] * 4
        at_once.clear()
        assert len(client.releases(pins)) == 8
    assert len(at_once) > 1


def test_a_folder_may_be_relative_to_the_project(victim: Victim) -> None:
    claim, _ = victim.looks(url="index")
    assert claim is not None


def test_a_cache_that_disappears_between_two_questions(victim: Victim) -> None:
    """Another command may delete it: what leads to the metadata that is asked for is loaded again, too."""
    with victim.client() as client:
        client.session.loaded({CLAIMS: TOP, INDEX: TOP})
        shutil.rmtree(victim.cached)
        assert len(client.session.loaded({f"{CLAIMS}-0": CLAIMS, f"{INDEX}-0": INDEX})) == 2


def test_a_small_release_is_waited_for_as_long_as_a_small_file() -> None:
    patience = Patience()
    assert patience.for_release(13_000) < 31
    assert patience.for_release(20 << 20) == 30 + 320
    assert patience.for_release(400 << 20) == 600
