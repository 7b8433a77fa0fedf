"""One key must not count twice toward a threshold, under whatever names: at creation, in files, in the root."""

import base64
from typing import Any

import pytest
from support.community import BOTH, Community
from support.sandbox import Sandbox

from attacks.index_forging import edit, forge, proposal
from tarkpm.errors import IndexUntrusted


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    return Community(sandbox)


def test_one_key_given_twice_makes_no_index(sandbox: Sandbox) -> None:
    key = sandbox.key("mallory")
    who = ("--maintainer", key, "--maintainer", key, "--threshold", "2", "--key", "mallory")
    sandbox.run("index", "create", "idx", "--name", "x", *who).failed(
        2, "a maintainer's key is given twice: each key counts once"
    )
    assert not (sandbox.cwd / "idx").exists()


def test_one_key_meets_no_threshold_of_two(sandbox: Sandbox) -> None:
    who = ("--maintainer", sandbox.key("mallory"), "--threshold", "2", "--key", "mallory")
    sandbox.run("index", "create", "idx", "--name", "x", *who).failed(
        2, "expected a threshold of at most 1 (the number of keys), found 2"
    )


def test_one_private_key_under_two_names_signs_once(community: Community) -> None:
    keys = community.sandbox.state / "keys"
    (keys / "alice2.pem").write_bytes((keys / "alice.pem").read_bytes())
    twice = ("--key", "alice", "--key", "alice2")
    community.run("claim", "x-tool", "--publisher", community.key("pat"), *twice).failed(
        3, "two of these names are the same key"
    )
    again = community.run("claim", "x-tool", "--publisher", community.key("pat"), "--key", "alice").ok()
    assert "missing       1 signature" in again.out
    countersigned = community.run("countersign", "--key", "alice2").ok()
    assert "claim: x-tool: waiting" in countersigned.out, "alice signed already"


def test_a_proposal_that_lists_a_maintainer_twice_is_refused(community: Community) -> None:
    community.run("rotate", "root", "--add", community.key("carol"), "--key", "alice").ok()
    file = proposal(community, "rotate-root")
    edit(file, lambda table: table["authority"]["maintainers"].append(table["authority"]["maintainers"][0]))
    community.run("countersign", "--key", "bob").failed(3, "a maintainer's key is listed twice")


def test_a_root_with_one_key_under_two_keyids_is_refused(community: Community) -> None:
    """Signed by both maintainers even: the second keyid is not the key's own."""

    def double(root: dict[str, Any]) -> None:
        keyid = root["roles"]["root"]["keyids"][0]
        root["keys"]["f" * 64] = root["keys"][keyid]
        root["roles"]["root"]["keyids"] = [keyid, "f" * 64]

    forge(community, "1.root.json", double, community.signer("alice"), community.signer("bob"))
    with pytest.raises(IndexUntrusted, match="is listed under the keyid of another key"):
        community.open()
    assert "listed under the keyid of another key" in community.findings()[0]


def test_rotation_to_a_threshold_of_fewer_keys_is_refused(community: Community) -> None:
    gone = ("--remove", community.key("alice"))
    community.run("rotate", "root", *gone, *BOTH).failed(
        2, "expected a threshold of at most 1 (the number of keys), found 2"
    )


def test_the_online_key_is_never_a_maintainers(community: Community) -> None:
    community.run("rotate", "online", "--online", community.key("alice"), *BOTH).failed(
        2, "cannot be the online key: it is a maintainer's key"
    )
    online = community.open().authority.online
    community.run("rotate", "root", "--add", online, *BOTH).failed(2, "cannot be the online key")


def _weak() -> str:
    return "ed25519:" + base64.b64encode(bytes([1] + [0] * 31)).decode()


def test_weak_keys_are_refused_wherever_one_is_named(community: Community) -> None:
    weak, said = _weak(), "expected a strong key"
    community.run("claim", "x-tool", "--publisher", weak, *BOTH).failed(2, said)
    community.run("rotate", "root", "--add", weak, *BOTH).failed(2, said)
    community.run("rotate", "online", "--online", weak, *BOTH).failed(2, said)
    community.claim()
    community.run("rotate", "publisher", "text-tools", "--to", weak, *BOTH).failed(2, said)
    who = ("--maintainer", weak, "--threshold", "1")
    community.sandbox.run("index", "create", "idx", "--name", "x", *who).failed(2, said)
    community.run("claim", "x-tool", "--publisher", community.key("pat"), "--key", "alice").ok()
    edit(proposal(community, "claim-x-tool"), lambda table: table["claims"][0].update(key=weak))
    community.run("countersign", "--key", "bob").failed(3, said)


def test_a_weak_key_in_the_root_is_refused(community: Community) -> None:
    def weaken(root: dict[str, Any]) -> None:
        root["keys"][root["roles"]["root"]["keyids"][0]]["keyval"]["public"] = "01" + "00" * 31

    forge(community, "1.root.json", weaken, community.signer("alice"), community.signer("bob"))
    assert "expected a strong key" in community.findings()[0]
