"""A denied address in another spelling: a pull request may write it as IPv6 allows, a policy has one form."""

import pytest

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.release import GitSource, IndexSource
from tarkpm.core.team_policy import TeamPolicy
from tarkpm.core.team_rules import PluginFacts, TeamRules

RULES = TeamRules((TeamPolicy.parse(b'deny-hosts = ["10.0.0.1", "[fd00::1]"]', where="policy.toml"),))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[::ffff:10.0.0.1]", "[::ffff:a00:1]", "[fd00::1]", "[fd00:0:0::1]", "[FD00::0001]"]
)
def test_a_repository(host: str) -> None:
    source = GitSource(git=f"https://{host}/plugin", commit="0" * 40, branch="main")
    assert [one.rule for one in RULES.violations(PluginFacts("notes", source))] == ["deny-hosts"]


def test_an_index_and_a_grant() -> None:
    index = PluginFacts(
        "notes", IndexSource("main", "sha256:" + "0" * 64), index_url="https://[::ffff:a00:1]"
    )
    granted = CapabilitySet((Capability.parse("http:[::ffff:a00:1]"),))
    for facts in (index, PluginFacts("notes", granted=granted)):
        assert [one.rule for one in RULES.violations(facts)] == ["deny-hosts"]


def test_an_allowed_address_is_allowed_in_each_spelling() -> None:
    rules = TeamRules((TeamPolicy.parse(b'git-hosts = ["[fd00::1]"]', where="policy.toml"),))
    source = GitSource(git="https://[fd00:0::1]/plugin", commit="0" * 40, branch="main")
    assert not rules.violations(PluginFacts("notes", source))
