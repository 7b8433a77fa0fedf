"""A proposal that is not what it seems: altered on its way, replayed, more than one thing, short of signatures."""

import json
from typing import Any

import pytest
from support.community import BOTH, Community
from support.sandbox import Sandbox

from attacks.index_forging import edit, proposal
from tarkpm.core.release import PluginName
from tarkpm.registry.releases import read_statement


def _claim(community: Community, name: str = "json-core") -> Any:
    community.run("claim", name, "--publisher", community.key("pat"), "--key", "alice").ok()
    return proposal(community, f"claim-{name}")


def test_a_proposal_altered_on_its_way_is_refused(community: Community) -> None:
    """Mallory swaps the publisher's key for their own between the two maintainers."""
    file = _claim(community)
    edit(file, lambda table: table["claims"][0].update(key=community.key("mallory")))
    community.run("countersign", "--key", "bob").failed(3, "does not match this proposal")
    assert "does not match this proposal" in community.findings()[0]
    community.run("refresh").ok()
    assert community.open().claim("json-core") is None  # type: ignore[arg-type]


def test_a_claim_smuggled_beside_another_is_refused(community: Community) -> None:
    """Even by a maintainer who signs it: a proposal does one thing."""
    file = _claim(community)

    def smuggle(table: dict[str, Any]) -> None:
        (row,) = community.open().listing(PluginName("text-tools")).rows
        old = {community.key("pat"): [row.statement.sha256]}
        table["claims"].append(
            {"version": 1, "name": "text-tools", "key": community.key("mallory"), "retired": old}
        )
        table["signatures"] = {}

    edit(file, smuggle)
    community.run("countersign", "--key", "bob").failed(
        3, "the proposal would make several different changes at once, to 'json-core', 'text-tools'"
    )


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ({"key": "mallory", "retired": {"pat": ["1.0.0"]}}, "is a new key"),
        ({"key": "mallory", "retired": {"pat": []}}, "was accepted since this was proposed"),
        ({"key": "mallory"}, "no tarkpm command makes this change"),
        ({"key": "mallory", "retired": {"pat": ["0" * 64]}}, "is not a release of 'text-tools'"),
        ({"key": "pat", "retired": {"mallory": ["1.0.0"]}}, "no tarkpm command makes this change"),
        ({"key": "mallory", "revoked": ["1.0.0"]}, "no tarkpm command makes this change"),
        ({"key": "pat", "revoked": []}, "no tarkpm command makes this change"),
        ({"key": "", "retired": {"pat": ["1.0.0"]}}, "is a revoked key"),
        ({"key": "mallory", "revoked_versions": {"1.0.0": "1.0.0"}}, "no tarkpm command makes this change"),
        ({"key": "pat", "revoked_versions": {"1.0.0": "0" * 64}}, "'text-tools' has no release 1.0.0"),
        ({"key": "pat", "revoked_versions": {"9.0.0": "1.0.0"}}, "'text-tools' has no release 9.0.0"),
        ({"key": "pat", "revoked_versions": {"1.0.0": "1.0.0"}}, "is a revocation"),
        ({"key": "pat", "revoked": ["1.0.0"]}, "is a revocation"),
    ],
    ids=[
        "rotates",
        "drops",
        "forgets",
        "foreign-digest",
        "foreign-retired",
        "key-and-revocation",
        "nothing",
        "revoked-key",
        "key-and-version",
        "other-payload",
        "no-such-version",
        "revokes",
        "revokes-as-an-older-tarkpm-did",
    ],
)
def test_what_is_shown_is_what_differs(community: Community, claim: dict[str, Any], said: str) -> None:
    """Unsigned proposals written by hand: either no command's doing, or shown for what they are."""
    (row,) = community.open().listing("text-tools").rows  # type: ignore[arg-type]
    digest = {"1.0.0": row.statement.sha256}
    table: dict[str, Any] = {"version": 2 if "revoked_versions" in claim else 1, "name": "text-tools"}
    for key, value in claim.items():
        if key == "key":
            table[key] = community.key(value) if value else ""
        elif key == "retired":
            table[key] = {
                community.key(who): [digest.get(one, one) for one in ids] for who, ids in value.items()
            }
        elif key == "revoked_versions":
            said_, _ = read_statement(community.folder, PluginName("text-tools"), row.statement)
            table[key] = {version: said_.digest if of == "1.0.0" else of for version, of in value.items()}
        else:
            table[key] = [digest.get(one, one) for one in value]
    made = json.loads(_claim(community).read_bytes())["made"]
    proposal(community, "claim-json-core").unlink()
    file = proposal(community, "innocent-name")
    document = {"version": 1, "made": made, "index": community.root, "claims": [table], "title": "harmless"}
    file.write_text(json.dumps(document))
    community.run("countersign", "--key", "bob").failed(3, "'title' is not a known key")
    del document["title"]
    file.write_text(json.dumps(document))
    result = community.run("countersign", "--key", "bob")
    if said == "is a new key":
        result.failed(4, "NEW: key", community.key("mallory"), "old key keeps │ 1.0.0 (")
    elif said == "is a revocation":
        result.failed(4, "revoke a release: text-tools", "revoked forever │ 1.0.0 (")
    elif said == "is a revoked key":
        result.failed(4, "key revoked", community.key("pat"))
    else:
        result.failed(2 if "since" in said else 3, said)


def test_a_revocation_is_never_taken_back(community: Community) -> None:
    community.run("revoke", "text-tools@1.0.0", *BOTH).ok()
    file = _claim(community)

    def unrevoke(table: dict[str, Any]) -> None:
        table["claims"] = [{"version": 1, "name": "text-tools", "key": community.key("pat")}]
        table["signatures"] = {}

    edit(file, unrevoke)
    community.run("countersign", *BOTH).failed(3, "it would undo a revocation of text-tools")


def test_a_proposal_that_was_in_force_before_is_not_enacted_again(community: Community) -> None:
    """Mallory brings back the rotation to a key that was lost since."""
    community.run("rotate", "publisher", "text-tools", "--to", community.key("lost"), "--key", "alice").ok()
    file = proposal(community, "rotate-text-tools")
    digest = community.run("countersign", "--key", "bob", "--dry-run", "--json").ok().json[0]["digest"]
    keys = community.sandbox.state / "keys"
    (keys / "community-online.pem").rename(keys / "away")
    (keys / "community-online.pub").rename(keys / "away.pub_")
    assert "complete" in community.run("countersign", "--key", "bob", "--agree", digest).ok().out
    kept = file.read_bytes()
    (keys / "away").rename(keys / "community-online.pem")
    assert "enacted: rotate publisher: text-tools" in community.run("refresh").ok().out
    community.run("rotate", "publisher", "text-tools", "--to", community.key("found"), *BOTH).ok()
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(kept)
    community.run("countersign", "--key", "bob").failed(3)
    noted = community.run("refresh").ok()
    assert "note: rotate-text-tools.json:" in noted.out
    claim = community.open().claim("text-tools")  # type: ignore[arg-type]
    assert claim is not None
    assert claim.key == community.key("found")


@pytest.mark.parametrize("how", ["rotate", "revoke"])
def test_no_release_is_accepted_while_its_key_is_taken_out_of_use(community: Community, how: str) -> None:
    """It would be in the index, and nobody's: neither kept nor revoked."""
    pat, quinn = community.key("pat"), community.key("quinn")
    words = ("rotate", "publisher", "text-tools", "--to", quinn) if how == "rotate" else ("revoke", pat)
    community.run(*words, "--key", "alice").ok()
    folder = community.release("1.3.0")
    said = "a new publisher's key of 'text-tools' is proposed and not in force yet"
    community.run("accept", folder, "--dry-run").failed(2, said, "tarkpm index countersign")
    community.run("accept", folder).failed(2, said)
    digest = community.run("countersign", "--key", "bob", "--dry-run", "--json").ok().json[0]["digest"]
    community.run("countersign", "--key", "bob", "--agree", digest).ok()
    community.run("accept", folder).failed(
        3, "1.3.0 is signed by", f"{quinn if how == 'rotate' else 'revoked'}"
    )
    community.run("check", "--deep").ok()


@pytest.mark.parametrize("how", ["rotate", "revoke"])
def test_a_release_accepted_since_its_key_was_to_go_is_noticed(community: Community, how: str) -> None:
    """The proposal was made from a copy of the index that did not have it yet."""
    pat, quinn = community.key("pat"), community.key("quinn")
    words = ("rotate", "publisher", "text-tools", "--to", quinn) if how == "rotate" else ("revoke", pat)
    with community.without_online():
        community.run(*words, *BOTH).ok()
    (file,) = (community.folder / "pending").iterdir()
    elsewhere = file.rename(community.sandbox.root / file.name)
    community.publish("1.3.0")
    elsewhere.rename(file)
    said = f"text-tools 1.3.0, signed by {pat}, was accepted since this was proposed"
    assert f"note: {file.name}: {said}" in community.run("refresh").ok().out
    community.run("countersign", *BOTH).failed(2, said, "delete the proposal and make a new one")
    assert community.findings() == [said]
    file.unlink()
    community.run(*words, *BOTH).ok()
    community.run("check", "--deep").ok()


def test_a_plugin_claimed_since_its_key_was_to_be_revoked_is_noticed(community: Community) -> None:
    """The thief of the key is quick: it would go on publishing that one."""
    pat = community.key("pat")
    with community.without_online():
        community.run("revoke", pat, *BOTH).ok()
    (file,) = (community.folder / "pending").iterdir()
    elsewhere = file.rename(community.sandbox.root / file.name)
    names = [f"quick-{letter}" for letter in "abcdef"]
    index = community.open()
    mine = index.authority.bin("publishers/text-tools.json")
    other = next(name for name in names if index.authority.bin(f"publishers/{name}.json") != mine)
    community.claim(other)
    file.parent.mkdir(exist_ok=True)
    elsewhere.rename(file)
    said = f"{pat} would remain the key of '{other}'"
    assert f"note: {file.name}: {said}" in community.run("refresh").ok().out
    file.unlink()
    assert "revoke a key of 2 plugins: in force" in community.run("revoke", pat, *BOTH).ok().out


def test_a_fixed_release_is_accepted_while_the_bad_one_is_about_to_be_revoked(community: Community) -> None:
    community.run("revoke", "text-tools@1.0.0", "--key", "alice").ok()
    community.publish("1.0.1")
    community.run("check", "--deep").ok()


def test_too_few_signatures_are_never_enacted(community: Community) -> None:
    file = _claim(community)
    community.run("refresh").ok()
    assert file.exists()
    assert community.open().claim("json-core") is None  # type: ignore[arg-type]

    def lend(table: dict[str, Any]) -> None:
        """Alice's signatures, once more under the key of somebody else."""
        (made,) = table["signatures"].values()
        table["signatures"][community.key("bob")] = made

    edit(file, lend)
    community.run("countersign", "--key", "bob").failed(3, "does not match this proposal")
    community.run("refresh").ok()
    assert community.open().claim("json-core") is None  # type: ignore[arg-type]


def test_a_strangers_signature_is_refused(community: Community) -> None:
    community.run("claim", "json-core", "--publisher", community.key("pat"), "--key", "pat").failed(
        3, "'pat' is not a maintainer's key"
    )
    file = _claim(community)

    def stranger(table: dict[str, Any]) -> None:
        (made,) = table["signatures"].values()
        table["signatures"] = {community.key("mallory"): made}

    edit(file, stranger)
    community.run("countersign", "--key", "bob").failed(
        3, f"{community.key('mallory')} is not a maintainer's key"
    )


def test_a_proposal_for_another_index_is_refused(community: Community) -> None:
    file = _claim(community)
    edit(file, lambda table: table.update(index="sha256:" + "0" * 64))
    community.run("countersign", "--key", "bob").failed(3, "the proposal is for another index: sha256:000")


def test_a_proposal_that_waited_too_long_or_is_of_tomorrow_is_refused(community: Community) -> None:
    file = _claim(community)
    edit(file, lambda table: table.update(made="2020-01-01T00:00:00Z", signatures={}))
    community.run("countersign", "--key", "bob").failed(3, "more than 30 days ago: make a new one")
    edit(file, lambda table: table.update(made="2120-01-01T00:00:00Z"))
    community.run("countersign", "--key", "bob").failed(3, "the proposal is dated in the future")


def test_two_proposals_for_one_file_do_not_undo_each_other(community: Community) -> None:
    sandbox = Sandbox(community.sandbox.root / "other")
    tiny = Community(sandbox)
    names = ("aa-tool", "bee-tool", "sea-lion")
    waiting = [
        tiny.run("claim", name, "--publisher", tiny.key("pat"), "--key", "alice").status for name in names
    ]
    assert 3 in waiting, "three names share two bins"
    assert 0 in waiting


def test_a_last_signature_lost_on_the_way_is_noticed(community: Community) -> None:
    file = _claim(community)
    edit(file, lambda table: table.update(signatures={}))
    seen = community.run("countersign", "--key", "bob")
    seen.failed(4, "signed so far by", "nobody")


def test_hostile_proposal_files_are_refused(community: Community) -> None:
    file = _claim(community)
    for data in (
        b"",
        b"[]",
        b"{" * 5000,
        b'{"version":1,"version":1}',
        b'{"version": 2, "made": ""}',
        b"\xff",
    ):
        file.write_bytes(data)
        community.run("countersign", "--key", "bob").failed(3)
        community.run("check").failed(1)
    file.unlink()
    file.symlink_to("/etc/passwd")
    community.run("countersign", "--key", "bob").failed(2, "expected a regular file")
