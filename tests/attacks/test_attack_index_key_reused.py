"""One key in two parts: a key that was taken back comes back, or an online key may also publish."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.community import BOTH, Community

from attacks.index_forging import edit, proposal
from tarkpm.core.claim import Claim
from tarkpm.registry.enact import enact
from tarkpm.registry.proposal import Proposal


def by_hand(community: Community, table: dict[str, Any]) -> None:
    """An unsigned proposal as somebody else's program might write it."""
    community.run("claim", "x-tool", "--publisher", community.key("quinn"), "--key", "alice").ok()
    file = proposal(community, "claim-x-tool")
    made = json.loads(file.read_bytes())["made"]
    file.unlink()
    document = {"version": 1, "made": made, "index": community.root, "claims": [{"version": 1, **table}]}
    proposal(community, "by-hand").write_text(json.dumps(document))


@pytest.mark.parametrize("kept", [(), ("--keep", "text-tools@1.0.0")], ids=["nothing-kept", "kept"])
def test_a_stolen_key_that_was_revoked_never_comes_back(community: Community, kept: tuple[str, ...]) -> None:
    """The thief asks for the plugin again, or for another name."""
    stolen = community.key("pat")
    community.run("revoke", stolen, *kept, *BOTH).ok()
    said = f"{stolen} is a retired key of 'text-tools': it cannot be used again in this index"
    community.run("rotate", "publisher", "text-tools", "--to", stolen, *BOTH).failed(2, said)
    community.run("claim", "brandnew", "--publisher", stolen, *BOTH).failed(2, said)
    community.run("rotate", "root", "--add", stolen, *BOTH).failed(2, said)
    community.run("rotate", "online", "--online", stolen, *BOTH).failed(2, said)
    by_hand(community, {"name": "brandnew", "key": stolen})
    community.run("countersign", *BOTH).failed(2, said)
    assert said in community.findings()[0]
    assert not (community.folder / "pending" / "claim-brandnew.json").exists()


def test_a_key_that_signed_nothing_is_remembered_when_it_is_revoked(community: Community) -> None:
    community.claim("json-core", "quinn")
    stolen = community.key("quinn")
    community.run("revoke", stolen, *BOTH).ok()
    community.run("revoke", stolen, *BOTH).failed(2, f"{stolen} is already revoked")
    community.run("claim", "brandnew", "--publisher", stolen, *BOTH).failed(
        2, f"{stolen} is a retired key of 'json-core': it cannot be used again in this index"
    )
    community.run("check").ok()


def test_a_key_that_was_rotated_away_never_comes_back(community: Community) -> None:
    lost = community.key("pat")
    community.run("rotate", "publisher", "text-tools", "--to", community.key("quinn"), *BOTH).ok()
    said = f"{lost} is a retired key of 'text-tools': it cannot be used again in this index"
    community.run("claim", "brandnew", "--publisher", lost, *BOTH).failed(2, said)


def test_a_publisher_who_hands_one_plugin_over_keeps_the_others(community: Community) -> None:
    community.claim("json-core")
    community.run("rotate", "publisher", "text-tools", "--to", community.key("quinn"), *BOTH).ok()
    community.publish("1.0.0", "json-core")
    community.run("check", "--deep").ok()


@pytest.mark.parametrize(
    "table",
    [{"key": "", "revoked": ["1.0.0"]}, {"key": "quinn"}],
    ids=["revoked-and-forgotten", "rotated-and-forgotten"],
)
def test_no_proposal_makes_an_index_forget_a_key(community: Community, table: dict[str, Any]) -> None:
    (row,) = community.open().listing("text-tools").rows  # type: ignore[arg-type]
    key = community.key(table["key"]) if table["key"] else ""
    revoked = [row.statement.sha256] if "revoked" in table else []
    by_hand(community, {"name": "text-tools", "key": key, "revoked": revoked})
    community.run("countersign", *BOTH).failed(3, "no tarkpm command makes this change of 'text-tools'")


@pytest.mark.parametrize("who", ["online", "alice"])
def test_a_key_that_signs_for_the_index_publishes_nothing(community: Community, who: str) -> None:
    """Whoever steals it would forge that plugin's releases."""
    key = community.open().authority.online if who == "online" else community.key(who)
    said = f"{key} is {'the online key' if who == 'online' else 'a maintainer'}"
    community.run("claim", "x-tool", "--publisher", key, *BOTH).failed(2, said)
    community.run("rotate", "publisher", "text-tools", "--to", key, *BOTH).failed(2, said)
    by_hand(community, {"name": "y-tool", "key": key})
    community.run("countersign", *BOTH).failed(2, said)
    assert said in community.findings()[0]


def test_a_publishers_key_signs_for_no_index(community: Community) -> None:
    said = f"{community.key('pat')} is the key of 'text-tools'"
    community.run("rotate", "online", "--online", community.key("pat"), *BOTH).failed(2, said)
    community.run("rotate", "root", "--add", community.key("pat"), *BOTH).failed(2, said)
    community.run("rotate", "root", "--add", community.key("carol"), "--key", "alice").ok()
    edit(
        proposal(community, "rotate-root"),
        lambda table: (
            table["authority"].update(
                maintainers=[community.key("alice"), community.key("bob"), community.key("pat")]
            )
            or table.update(signatures={})
        ),
    )
    community.run("countersign", *BOTH).failed(2, said)


def test_an_online_key_that_was_replaced_serves_for_nothing_again(community: Community) -> None:
    stolen = community.open().authority.online
    community.run("rotate", "online", *BOTH).ok()
    said = f"{stolen} was the online key until root 2: it cannot be used again in this index"
    community.run("rotate", "online", "--online", stolen, *BOTH).failed(2, said)
    community.run("rotate", "root", "--add", stolen, *BOTH).failed(2, said)
    community.run("claim", "x-tool", "--publisher", stolen, *BOTH).failed(2, said)
    community.run("rotate", "publisher", "text-tools", "--to", stolen, *BOTH).failed(2, said)


def test_a_claim_of_the_online_key_enacted_before_is_found_by_check(community: Community) -> None:
    """By a program that did not mind: the audit does."""
    index = community.open()
    claim = Claim("x-tool", index.authority.online)  # type: ignore[arg-type]
    made = datetime.now(UTC).replace(microsecond=0)
    asked = Proposal(index.first_root, made, claims=(claim,))
    draft = asked.draft(index)
    for who in ("alice", "bob"):
        asked = asked.signed(draft, community.signer(who))
    online = community.signer("community-online")
    enact(index, asked, draft, online, made, where="").commit(community.folder, online)
    assert (
        f"the publisher's key of 'x-tool' is {index.authority.online}, which is the online key"
        in community.findings()
    )
    community.run("rotate", "root", *BOTH).ok()
