"""An index's folder that was tampered with: what `check` finds, and what no maintainer's command builds on."""

import json
import shutil
from typing import Any

import msgspec
import pytest
from support.community import BOTH, Community
from support.sandbox import Sandbox

from attacks.index_forging import edit, forge
from tarkpm.core import claim as claims
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import claim_path, rows_path
from tarkpm.core.release import plugin_name
from tarkpm.core.rows import Listing, ReleaseRow, render
from tarkpm.errors import IndexUntrusted
from tarkpm.registry.change import IndexChange

NAME = plugin_name("text-tools")


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    """An index with one plugin and two releases."""
    found = Community(sandbox)
    found.claim()
    found.publish("1.0.0")
    found.publish("1.1.0")
    return found


def _with_online_key(community: Community, rows: tuple[ReleaseRow, ...]) -> None:
    """What a thief of the online key does: sign other rows."""
    from datetime import UTC, datetime

    index, online = community.open(), community.signer("community-online")
    change = IndexChange(index, datetime.now(UTC).replace(microsecond=0))
    change.update_bin(rows_path(NAME), render(Listing(NAME, rows)), online)
    change.commit(community.folder, online)


def test_a_row_that_says_other_than_the_signed_manifest_is_found(community: Community) -> None:
    one, two = community.open().listing(NAME).rows
    _with_online_key(community, (one, msgspec.structs.replace(two, min_tark_version=None)))
    assert community.findings() == []
    said = "the row of text-tools 1.1.0 differs from the signed plugin.toml"
    assert community.findings("--deep") == [said]
    community.run("check", "--deep").failed(1, said)


def test_a_row_for_bytes_nobody_published_is_found(community: Community) -> None:
    one, two = community.open().listing(NAME).rows
    forged = msgspec.structs.replace(two, statement=msgspec.structs.replace(two.statement, sha256="0" * 64))
    _with_online_key(community, (one, forged))
    found = community.findings()
    assert "text-tools 1.1.0 is listed but missing" in found
    assert "no listed release has this file" in found


def test_a_stolen_online_key_signs_no_claim(community: Community) -> None:
    online = community.signer("community-online")
    role = community.open().authority.bin(claim_path(NAME))
    version = community.open().versions[role]
    other = claims.render(claims.Claim(NAME, PublicKey(community.key("mallory"))))
    path = community.folder / "targets/publishers"

    def hijack(signed: dict[str, Any]) -> None:
        from tarkpm.core.digest import sha256

        (path / f"{sha256(other)}.text-tools.json").write_bytes(other)
        signed["targets"][claim_path(NAME)] = {"length": len(other), "hashes": {"sha256": sha256(other)}}

    forge(community, f"{version}.{role}.json", hijack, online)
    with pytest.raises(IndexUntrusted, match="valid signatures: expected 2, found 0"):
        community.open().claim(NAME)
    community.run("accept", community.release("1.2.0", publisher="mallory")).failed(
        3, "valid signatures: expected 2, found 0"
    )
    assert "valid signatures: expected 2, found 0" in community.findings()[0]


def test_a_claim_signed_by_one_maintainer_is_found(community: Community) -> None:
    role = community.open().authority.bin(claim_path(NAME))
    version = community.open().versions[role]
    forge(community, f"{version}.{role}.json", lambda signed: None, community.signer("alice"))
    assert "valid signatures: expected 2, found 1" in community.findings()[0]


def test_a_root_signed_by_one_maintainer_is_not_followed(community: Community) -> None:
    shutil.copy(community.folder / "metadata/1.root.json", community.folder / "metadata/2.root.json")
    forge(community, "2.root.json", lambda signed: signed.update(version=2), community.signer("alice"))
    community.run("check").failed(1, "valid signatures: expected 2, found 1", "2.root.json")
    community.run("accept", community.release("1.2.0")).failed(3, "valid signatures: expected 2, found 1")


def test_bins_that_were_swapped_are_found(community: Community) -> None:
    """Equal version, equal keys: only the signed name of the role tells them apart."""
    folder = community.folder / "metadata"
    shutil.copy(folder / "1.claims-0.json", community.sandbox.root / "kept")
    role = community.open().authority.bin(claim_path(NAME))
    other = "claims-0" if role == "claims-1" else "claims-1"
    version = community.open().versions[role]
    forge(
        community,
        f"1.{other}.json",
        lambda signed: signed.update(version=version),
        *map(community.signer, ("alice", "bob")),
    )
    shutil.copy(folder / f"1.{other}.json", folder / f"{version}.{role}.json")
    with pytest.raises(IndexUntrusted, match=f"expected metadata that names its role '{role}'"):
        community.open().claim(NAME)


def test_a_document_with_other_bytes_is_found(community: Community) -> None:
    target = next((community.folder / "targets/publishers").iterdir())
    target.write_bytes(target.read_bytes().replace(b"text", b"evil"))
    assert "the file differs from the one that was signed" in community.findings()
    community.run("accept", community.release("1.2.0")).failed(
        3, "the file differs from the one that was signed"
    )


def test_a_release_file_with_other_bytes_is_found(community: Community) -> None:
    file = next((community.folder / "files").iterdir())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert community.findings() == []
    assert "has sha256" in community.findings("--deep")[0]
    file.write_bytes(data[:-1])
    assert "bytes, found" in community.findings()[0]
    file.unlink()
    assert "is listed but missing" in community.findings()[0]


def test_files_nobody_listed_are_found(community: Community) -> None:
    for name in (
        "metadata/9.evil.json",
        "metadata/9.root.json.bak",
        "targets/index/x",
        "targets/evil",
        "files/" + "0" * 64,
    ):
        (community.folder / name).write_bytes(b"{}")
    found = community.findings()
    assert len(found) == 5, found


def test_private_keys_in_the_folder_are_found(community: Community) -> None:
    key = community.sandbox.state / "keys" / "alice.pem"
    places = ["alice.pem", "pending/notes.txt", ".github/secret"]
    for place in places:
        (community.folder / place).parent.mkdir(exist_ok=True)
        (community.folder / place).write_text("# for me\n" + key.read_text())
    found = community.run("check", "--json")
    where = sorted(f["where"] for f in found.json["findings"] if f["code"] == "SecretFound")
    assert where == sorted(str(community.folder / place) for place in places)
    secret = "".join(key.read_text().splitlines()[1:-1])
    assert secret not in found.out
    assert found.status == 1


def test_an_index_in_the_place_of_another_is_noticed(community: Community, tmp_path: Any) -> None:
    other = Community(Sandbox(tmp_path / "elsewhere"))
    other.run("check", "--root", community.root).failed(1, f"expected the index with root {community.root}")
    other.run("check", "--root", other.root).ok()


@pytest.mark.parametrize(
    "name", ["timestamp.json", "{snapshot}.snapshot.json", "1.targets.json", "1.root.json"]
)
@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 10_000, b'{"signed":{},"signatures":[]}', b"\xff\xfe", None], ids=range(6)
)
def test_malformed_metadata_is_a_finding_and_no_traceback(
    community: Community, name: str, data: bytes | None
) -> None:
    path = community.folder / "metadata" / name.format(snapshot=community.open().snapshot.version)
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    status = 2 if name == "1.root.json" and data is None else 1
    community.run("check").failed(status)
    community.run("refresh").failed(2 if status == 2 else 3)


def test_signatures_of_yesterday_on_other_roles_do_not_help(community: Community) -> None:
    """A timestamp's signature copied onto a snapshot."""
    folder = community.folder / "metadata"
    stamp = json.loads((folder / "timestamp.json").read_bytes())
    number = community.open().snapshot.version
    edit(folder / f"{number}.snapshot.json", lambda table: table.update(signatures=stamp["signatures"]))
    community.run("check").failed(1, "valid signatures: expected 1, found 0")


def test_the_bundle_of_both_keys_still_cannot_shrink_what_was_revoked(community: Community) -> None:
    community.run("revoke", "text-tools@1.0.0", *BOTH).ok()
    community.run("revoke", community.key("pat"), "--keep", "text-tools@1.0.0", *BOTH).ok()
    claim = community.open().claim(NAME)
    assert claim is not None
    assert claim.revoked_versions.keys() == {"1.0.0", "1.1.0"}
    assert claim.retired == {community.key("pat"): frozenset()}


def test_a_release_whose_time_of_publication_was_set_back_is_found(community: Community) -> None:
    """Every client that waits would take it at once."""
    one, two = community.open().listing(NAME).rows
    assert two.published is not None
    _with_online_key(community, (one, msgspec.structs.replace(two, published=two.published - 30 * 86_400)))
    (found,) = community.findings()
    assert found.startswith("text-tools 1.1.0 was published at 20")
    assert "now it says at 20" in found
    community.run("check").failed(1, "text-tools 1.1.0 was published at")


def test_a_time_of_publication_that_was_not_recorded_is_not_added(community: Community) -> None:
    one, two = (msgspec.structs.replace(row, published=None) for row in community.open().listing(NAME).rows)
    _with_online_key(community, (one, two))
    _with_online_key(community, (one, msgspec.structs.replace(two, published=1_000_000_000)))
    found = [text for text in community.findings() if "1.1.0" in text]
    assert "text-tools 1.1.0 was published at a time that was not recorded, now it says at 2001-09-" in str(
        found
    )


def test_a_release_of_the_future_is_found(community: Community) -> None:
    one, two = community.open().listing(NAME).rows
    assert one.published is not None
    _with_online_key(community, (one, msgspec.structs.replace(two, published=one.published + 7200)))
    assert "text-tools 1.1.0 is listed as published in the future" in str(community.findings())
