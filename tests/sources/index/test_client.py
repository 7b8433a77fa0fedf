"""What a client gets from an honest index, and what it costs."""

import pytest
from support.index_fixtures import JSON, TEXT, Victim

from tarkpm.core.candidate import verify_release
from tarkpm.core.lockfile import Pin
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import IndexSource, PluginName

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
            assert claim.allows(candidate.signer, candidate.statement.sha256)


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


def test_a_folder_may_be_relative_to_the_project(victim: Victim) -> None:
    claim, _ = victim.looks(url="index")
    assert claim is not None
