"""What a client gets from an honest index, and what it costs."""

import pytest
from support.index_fixtures import Ask
from support.indexrepo import IndexRepo
from support.indexserver import IndexServer

from tarkpm.core.candidate import verify_release
from tarkpm.core.names import STATEMENT
from tarkpm.core.release import IndexSource, PluginName

TEXT, JSON, NONE = PluginName("text-tools"), PluginName("json-core"), PluginName("no-such")
SOURCE = IndexSource("community", f"sha256:{'0' * 64}")


@pytest.mark.parametrize("by", ["http", "folder"])
def test_claims_rows_and_releases(ask_index: Ask, index: IndexRepo, by: str) -> None:
    client = ask_index() if by == "http" else ask_index(url=str(index.folder))
    claims = client.claims([TEXT, JSON, NONE])
    assert claims[NONE] is None
    found = claims[JSON]
    assert found is not None
    assert found.name == "json_core"
    listing = client.listings([TEXT, NONE])[TEXT]
    assert listing is not None
    assert [str(row.version) for row in listing.rows] == ["1.0.0", "1.1.0"]
    claim = claims[TEXT]
    assert claim is not None
    for row in listing.rows:
        contents = client.release(TEXT, row.statement, row.files)
        envelope = contents.pop(STATEMENT)
        candidate = verify_release(contents, envelope, SOURCE, where="here")
        assert candidate.manifest.version == row.version
        assert candidate.statement is not None
        assert candidate.signer is not None
        assert claim.allows(candidate.signer, candidate.statement.sha256)


def test_what_a_first_question_and_a_second_cost(ask_index: Ask, index_server: IndexServer) -> None:
    client = ask_index()
    client.claims([TEXT])
    client.listings([TEXT])
    assert len(index_server.requests) == 11, index_server.paths
    index_server.requests.clear()
    client.claims([TEXT])
    assert index_server.requests == []
    again = ask_index()
    again.claims([TEXT])
    again.listings([TEXT])
    assert index_server.paths == ["metadata/2.root.json", "metadata/timestamp.json"]
