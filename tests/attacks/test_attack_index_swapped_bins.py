"""A mirror without any key serves one bin in another's place: both are signed, and have the same version."""

import pytest
from support.index_fixtures import Victim
from support.indexrepo import days
from tuf.api.metadata import Targets

from tarkpm.errors import IndexUntrusted


@pytest.mark.parametrize("path", ["publishers/text-tools.json", "index/text-tools.json"])
def test_a_bin_that_lists_no_plugin(victim: Victim, path: str) -> None:
    index, own = victim.index, victim.index.bin(path)
    version = index.version(own)
    parent = own.partition("-")[0]
    other = next(role for role in index.succinct(parent).get_roles() if role != own)
    data = index.write(other, Targets(version, expires=days(120)))
    index.publish()
    victim.server.instead(f"metadata/{version}.{own}.json", data)
    problem = victim.meets(IndexUntrusted, f"expected metadata that names its role '{own}', found '{other}'")
    assert problem.exit_status == 3
