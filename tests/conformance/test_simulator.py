"""The simulator does what the cases take for granted; and an index's gate, left shut, takes none of it."""

from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata

from conformance.simulator import Simulator, in_days
from conformance.steps import Stage
from tarkpm.core.digest import sha256
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexUntrusted


def served(repo: Simulator, role: str) -> Any:
    metadata: Metadata[Any] = Metadata.from_bytes(repo.files[repo.name(role)])
    return metadata.signed


def test_it_begins_with_the_first_version_of_four_roles() -> None:
    repo = Simulator()
    assert {role: served(repo, role).version for role in repo.signed} == dict.fromkeys(
        (ROOT, TOP, SNAPSHOT, TIMESTAMP), 1
    )
    assert len(repo.files) == 4


def test_digests_and_lengths_are_those_of_what_is_served() -> None:
    repo = Simulator()
    repo.hashes = True
    repo.publish(TOP, SNAPSHOT, TIMESTAMP)
    about = served(repo, TIMESTAMP).snapshot_meta
    data = repo.files[repo.name(SNAPSHOT)]
    assert (about.version, about.length, about.hashes) == (2, len(data), {"sha256": sha256(data)})


def test_what_is_changed_is_what_is_published() -> None:
    repo = Simulator()
    past = repo.signed[TIMESTAMP].expires = in_days(-5)
    assert served(repo, TIMESTAMP).expires > past
    repo.publish(TIMESTAMP)
    assert served(repo, TIMESTAMP).expires == past


def test_a_tuf_repository_is_no_index(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stage = Stage(tmp_path, patch)
    with pytest.raises(IndexUntrusted, match="expected metadata that names its role 'targets'"):
        stage.ask()
