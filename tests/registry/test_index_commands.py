"""What people type to keep an index, and what it says to them."""

import json
import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.community import BOTH, Community
from support.faked_clock import Calendar, Machine
from support.sandbox import Sandbox
from support.unchecked import unchecked

from tarkpm.core import claim as claims
from tarkpm.core import search
from tarkpm.core.claim import Claim
from tarkpm.core.release import PluginName


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    """An index with nothing claimed."""
    return Community(sandbox)


def test_one_person_with_all_keys_makes_an_index_in_one_command(community: Community) -> None:
    assert community.root.startswith("sha256:")
    assert not (community.folder / "pending").exists()
    found = community.run("check").ok()
    assert "no problems found (0 plugins, 0 releases)" in found.out
    assert community.root in found.out


def test_two_maintainers_on_two_machines_make_an_index_by_passing_a_file(tmp_path: Path) -> None:
    alice, bob = Sandbox(tmp_path / "a"), Sandbox(tmp_path / "b")
    keys = [alice.key("mine"), bob.key("mine")]
    folder = tmp_path / "idx"
    who = ("--maintainer", keys[0], "--maintainer", keys[1], "--threshold", "2")
    begun = alice.run("index", "create", folder, "--name", "community", "--bins", "1", *who).ok()
    proposal = folder / "pending" / "create.json"
    assert "create index 'community': waiting" in begun.out
    assert f"tarkpm index countersign {proposal} --index {folder}" in begun.out
    assert not (folder / "metadata").exists()

    asked = bob.run("index", "countersign", proposal, "--index", folder)
    asked.failed(4, "signing this proposal requires agreement", "--agree sha256:", keys[0])
    digest = json.loads(
        bob.run("index", "countersign", proposal, "--index", folder, "--dry-run", "--json").ok().out
    )[0]["digest"]
    signed = bob.run("index", "countersign", proposal, "--index", folder, "--agree", digest).ok()
    assert "create index 'community': complete" in signed.out
    no_key = bob.run("index", "refresh", "--index", folder)
    no_key.failed(2, "the online key", "was not found on this machine")
    assert not (folder / "metadata").exists()
    alice.run("index", "refresh", "--index", folder).ok()
    assert not proposal.exists()
    alice.run("index", "check", "--index", folder).ok()


def test_an_index_whose_online_key_is_on_the_forge_is_made_there(tmp_path: Path) -> None:
    """One maintainer is enough here; the proposal is complete, and says where it goes."""
    bob, forge = Sandbox(tmp_path / "b"), Sandbox(tmp_path / "f")
    folder = tmp_path / "idx"
    who = ("--online", forge.key("online"), "--maintainer", bob.key("mine"), "--threshold", "1")
    made = bob.run("index", "create", folder, "--name", "community", "--bins", "1", *who).ok()
    assert "create index 'community': complete" in made.out
    assert f"tarkpm index refresh --index {folder}, on the machine with the online key" in made.out
    assert not (bob.state / "keys" / "community-online.pem").exists()
    assert "enacted: create index" in forge.run("index", "refresh", "--index", folder).ok().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bins", "0"), "expected --bins between 1 and "),
        (("--threshold", "0"), "expected a threshold of 1 or more, found 0"),
        (("--online-key", "mine"), "cannot be the online key: it is a maintainer's key"),
        (("--key", "nobody"), "there is no key named 'nobody'"),
    ],
)
def test_an_index_that_cannot_be_leaves_nothing_behind(
    sandbox: Sandbox, options: tuple[str, ...], said: str
) -> None:
    who = ("--name", "community", "--maintainer", sandbox.key("mine"), "--threshold", "1", *options)
    sandbox.run("index", "create", "idx", *who).failed(2, said)
    assert not (sandbox.cwd / "idx").exists()
    assert [path.stem for path in (sandbox.state / "keys").glob("*.pem")] == ["mine"]


def test_a_key_that_is_made_on_the_way_is_shown_with_its_place(community: Community) -> None:
    keys = community.sandbox.state / "keys"
    said = community.run("rotate", "online", *BOTH).ok()
    assert f"online key is in      {keys}/community-online-2.pem" in said.out
    again = ("rotate", "online", "--online-key", "third", "--key", "nobody")
    community.run(*again).failed(2, "there is no key named 'nobody'")
    assert not (keys / "third.pem").exists()


def test_a_threshold_of_none_is_refused(community: Community) -> None:
    community.run("rotate", "root", "--threshold", "0", *BOTH).failed(
        2, "expected a threshold of 1 or more, found 0"
    )


def test_a_claim_travels_and_is_enacted_when_the_second_maintainer_signed(community: Community) -> None:
    waiting = community.run("claim", "text-tools", "--publisher", community.key("pat"), "--key", "alice")
    assert "claim: text-tools: waiting" in waiting.ok().out
    assert "missing       1 signature" in waiting.out
    checked = community.run("check").ok()
    assert "waits: claim: text-tools, signed by 1" in checked.out
    seen = community.run("countersign", "--key", "bob")
    seen.failed(4, "new plugin", "text-tools", "published by", community.key("pat"))
    digest = community.run("countersign", "--key", "bob", "--dry-run", "--json").ok().json[0]["digest"]
    community.run("countersign", "--key", "bob", "--agree", "sha256:" + "0" * 64).failed(
        4, "--agree is sha256:000", "but this would sign"
    )
    done = community.run("countersign", "--key", "bob", "--agree", digest).ok()
    assert "claim: text-tools: in force" in done.out
    assert not (community.folder / "pending").exists()
    claim = community.open().claim("text-tools")  # type: ignore[arg-type]
    assert claim is not None
    assert claim.key == community.key("pat")
    community.run("countersign").failed(2, "no proposal is waiting here")


def test_a_release_is_published_accepted_listed_and_found(community: Community) -> None:
    community.claim()
    folder = community.release()
    dry = community.run("accept", folder, "--dry-run").ok()
    assert "would accept text-tools 1.0.0" in dry.out
    assert community.open().listing("text-tools").rows == ()  # type: ignore[arg-type]
    assert "accepted text-tools 1.0.0" in community.run("accept", folder).ok().out
    (row,) = community.open().listing("text-tools").rows  # type: ignore[arg-type]
    assert row.size == (community.folder / "files" / row.statement.sha256).stat().st_size
    catalogue = community.open().search
    assert catalogue is not None
    (entry,) = search.parse(catalogue.splitlines(keepends=True), where="")
    assert (entry.name, str(entry.version)) == ("text-tools", "1.0.0")
    assert "1 plugin, 1 release" in community.run("check", "--deep").ok().out


def test_accepting_needs_the_online_key_and_a_dry_run_does_not(community: Community) -> None:
    community.claim()
    folder = community.release()
    stranger = Sandbox(community.sandbox.root / "stranger")
    stranger.run("index", "accept", folder, "--dry-run", "--index", community.folder).ok()
    stranger.run("index", "accept", folder, "--index", community.folder).failed(
        2, "the online key", "was not found on this machine", "--online-key NAME"
    )


def test_a_plain_plugin_folder_that_is_signed_is_accepted_too(community: Community) -> None:
    community.claim()
    source = community.sandbox.plugin(community.sandbox.root / "plain", sign="pat")
    assert "accepted text-tools 1.0.0" in community.run("accept", source).ok().out
    unsigned = community.sandbox.plugin(community.sandbox.root / "bare", version="2.0.0")
    community.run("accept", unsigned).failed(
        3, "the release is not signed", f"help: tarkpm sign {unsigned} --key NAME"
    )


def test_a_name_nobody_claimed_is_refused_with_the_command_that_claims_it(community: Community) -> None:
    folder = community.release()
    hint = f"tarkpm index claim text-tools --publisher {community.key('pat')}"
    community.run("accept", folder).failed(2, "'text-tools' is not claimed in this index", hint)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ('license = "MIT"', 2, "expected an SPDX expression like MIT, found none"),
        ('type = "tool"', 1, "exports tool-plugin"),
    ],
    ids=["licence", "type"],
)
def test_a_release_tark_could_not_use_is_not_published(
    community: Community, change: str, status: int, said: str
) -> None:
    source = community.sandbox.plugin(community.sandbox.root / "odd")
    text = (source / "plugin.toml").read_text()
    other = "" if "license" in change else 'type = "auth"'
    (source / "plugin.toml").write_text(text.replace(change, other))
    community.sandbox.run("publish", source, "--to", "out", "--key", "pat").failed(status, said)
    with unchecked():
        community.sandbox.sign(source, "pat")
    community.claim()
    community.run("accept", source).failed(status, said)


def test_publish_writes_a_release_folder_once(community: Community) -> None:
    person = community.sandbox
    source = person.plugin(person.root / "mine")
    (source / "notes.txt").write_text("not part of a release")
    (source / "LICENSE").write_text("MIT")
    dry = person.run("publish", source, "--to", "out", "--key", "pat", "--dry-run").ok()
    assert "would write" in dry.out
    assert not (person.cwd / "out").exists()
    done = person.run("publish", source, "--to", "out", "--key", "pat").ok()
    folder = person.cwd / "out" / "text-tools-1.0.0"
    names = ["LICENSE", "plugin.dsse.json", "plugin.toml", "plugin.wasm"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert f"tarkpm index accept {folder}" in done.out
    assert "unchanged:" in person.run("publish", source, "--to", "out", "--key", "pat").ok().out
    (source / "LICENSE").write_text("other")
    person.run("publish", source, "--to", "out", "--key", "pat").failed(
        2, "another release exists here, with other contents of 'LICENSE', 'plugin.dsse.json'"
    )


def test_publish_refuses_what_is_not_signed_and_a_statement_of_other_files(sandbox: Sandbox) -> None:
    person, key = sandbox, sandbox.key("pat")
    source = person.plugin(person.root / "mine")
    help_ = f"help: tarkpm sign {source} --key pat"
    person.run("publish", source, "--to", "out").failed(
        3, "the release is not signed: there is no plugin.dsse.json", f"where: {source}", help_
    )
    person.run("sign", source, "--key", "pat").ok()
    kept = person.run("publish", source, "--to", "out", "--json").ok().json
    assert (kept["signed_now"], kept["signer"]) == (False, key)
    (source / "plugin.toml").write_text((source / "plugin.toml").read_text() + "\n")
    size = (source / "plugin.toml").stat().st_size
    differs = (
        f"plugin.dsse.json does not match the files: 'plugin.toml' has {size} bytes, expected {size - 1}"
    )
    person.run("publish", source, "--to", "two").failed(3, differs, help_)
    (source / "LICENSE").write_text("added later")
    person.run("sign", source, "--key", "pat").ok()
    (source / "LICENSE").unlink()
    person.run("publish", source, "--to", "two").failed(
        2, "plugin.dsse.json does not match the files: ", help_
    )
    (source / "plugin.dsse.json").write_text("{}")
    person.run("publish", source, "--to", "two").failed(3, "plugin.dsse.json does not match the files: ")
    person.key("other")
    person.run("publish", source, "--to", "two").failed(3, f"tarkpm sign {source} --key NAME")
    assert not (person.cwd / "two").exists()


def test_sign_takes_the_only_key(sandbox: Sandbox) -> None:
    source = sandbox.plugin(sandbox.cwd)
    sandbox.run("sign").failed(2, "there is no signing key", "help: tarkpm key generate --name release")
    sandbox.key("pat")
    assert "(key 'pat')\n" in sandbox.run("sign").ok().out
    assert sandbox.run("publish", "--to", "../out", "--json").ok().json["signed_now"] is False
    sandbox.run("key", "import", "ed25519:gPMd6MO+vdjdjCPDDJkJ5uXxqzCTpFgSiIPSCYrOdPc=", "--name", "bob").ok()
    assert sandbox.run("sign", source, "--json").ok().json["key"] == "pat", (
        "a key of somebody else signs nothing"
    )
    sandbox.key("other")
    sandbox.run("sign").failed(2, "found several keys: other, pat", "help: tarkpm sign --key other\n")


def test_publish_signs_with_the_key_that_it_is_told(community: Community) -> None:
    person = community.sandbox
    source = person.plugin(person.root / "mine", sign="pat")
    (source / "LICENSE").write_text("added later")
    person.run("publish", source, "--to", "two").failed(3, "does not cover 'LICENSE'")
    anew = person.run("publish", source, "--to", "two", "--key", "pat", "--json").ok().json
    assert (anew["signed_now"], anew["key"], anew["replaced"]) == (True, "pat", True)
    hint = f"tarkpm sign {source} --key NAME"
    assert hint in [one["hint"] for one in person.run("check", source, "--json").failed(3).json["findings"]]
    assert (
        person.run("sign", "--key", "pat", "--dry-run", cwd=source)
        .ok()
        .out.startswith("would sign text-tools")
    )
    said = person.run("publish", "--to", "../three", "--key", "pat", cwd=source).ok()
    assert "(signed again with key 'pat')" in said.out
    assert "plugin.dsse.json does not match the files" in said.err
    (source / "plugin.wasm").unlink()
    person.run("check", source).failed(1, f"help: tarkpm build {source}\n")


def test_a_yanked_release_is_listed_with_its_reason_and_can_come_back(community: Community) -> None:
    community.claim()
    community.publish("1.0.0")
    community.publish("1.1.0")
    community.run("yank", "text-tools@1.1.0").failed(2, "expected --reason TEXT or --undo")
    community.run("yank", "text-tools@1.2.0", "--reason", "x").failed(
        2, "the index does not list text-tools 1.2.0"
    )
    said = community.run("yank", "text-tools@1.1.0", "--reason", "eats notes").ok()
    assert said.out == "text-tools 1.1.0 yanked: eats notes\n"
    rows = community.open().listing("text-tools").rows  # type: ignore[arg-type]
    assert [row.yanked for row in rows] == ["", "eats notes"]
    catalogue = community.open().search
    assert catalogue is not None
    assert b'"1.0.0"' in catalogue
    assert b'"1.1.0"' not in catalogue
    community.run("yank", "text-tools@1.1.0", "--undo").ok()
    community.run("yank", "text-tools@1.1.0", "--undo").failed(2, "text-tools 1.1.0 is not yanked")
    community.run("check", "--deep").ok()


def test_a_publishers_new_key_leaves_what_the_old_one_signed_good(community: Community) -> None:
    community.claim()
    old = community.publish("1.0.0")
    new = community.key("pat2")
    said = community.run("rotate", "publisher", "text-tools", "--to", new, *BOTH).ok()
    assert f"old key keeps  1.0.0 ({old[:12]})" in said.out
    community.run("accept", community.release("1.1.0")).failed(3, "but the publisher's key is " + new)
    community.publish("1.1.0", publisher="pat2")
    community.run("check", "--deep").ok()
    back = community.run("rotate", "publisher", "text-tools", "--to", community.key("pat"), *BOTH)
    back.failed(2, "is a retired key of 'text-tools'")


def test_a_revoked_release_is_revoked_for_ever(community: Community) -> None:
    community.claim()
    digest = community.publish("1.0.0")
    community.run("revoke", "txt-tools@1.0.0", *BOTH).failed(2, "is not claimed; did you mean 'text-tools'?")
    said = community.run("revoke", "text-tools@1.0.0", *BOTH).ok()
    assert f"revoked forever  1.0.0 ({digest[:12]})" in said.out
    claim = community.open().claim("text-tools")  # type: ignore[arg-type]
    assert claim is not None
    assert claim.revoked_versions.keys() == {"1.0.0"}
    community.run("revoke", "text-tools@1.0.0", *BOTH).failed(2, "text-tools 1.0.0 is already revoked")
    community.run("check", "--deep").ok()


def test_a_revoked_version_is_not_accepted_again_whatever_its_bytes(community: Community) -> None:
    community.claim()
    community.publish("1.0.0")
    community.run("revoke", "text-tools@1.0.0", *BOTH).ok()
    for version in ("1.0.0", "1.0.0+fixed"):
        shutil.rmtree(community.sandbox.root / "submissions")
        folder = community.release(version, capabilities="")
        community.run("accept", folder).failed(3, f"text-tools {version} is revoked")


def test_a_revocation_by_digest_alone_is_made_one_by_version(community: Community) -> None:
    """What an older tarkpm revoked stays so, and the same command says it in the stronger form."""
    community.claim()
    digest = community.publish("1.0.0")
    before = community.open().claim(PluginName("text-tools"))
    assert before is not None
    revoke_by_digest(community, replace(before, revoked=frozenset([digest])))
    community.run("check", "--deep").ok()
    community.run("revoke", "text-tools@1.0.0", *BOTH).ok()
    after = community.open().claim(PluginName("text-tools"))
    assert after is not None
    assert list(after.revoked) == [digest]
    assert list(after.revoked_versions) == ["1.0.0"]
    community.run("check", "--deep").ok()


def revoke_by_digest(community: Community, claim: Claim) -> None:
    """Propose, and sign, what an older tarkpm proposed."""
    community.run("claim", "other", "--publisher", community.key("quinn"), "--key", "alice").ok()
    waiting = community.folder / "pending" / "claim-other.json"
    made = json.loads(waiting.read_bytes())
    waiting.unlink()
    made |= {"claims": [json.loads(claims.render(claim))], "signatures": {}}
    (community.folder / "pending" / "revoke.json").write_text(json.dumps(made))
    seen = community.run("countersign", *BOTH, "--dry-run", "--json").ok().json[0]["digest"]
    community.run("countersign", *BOTH, "--agree", seen).ok()


def test_a_revoked_key_loses_its_releases_everywhere_but_those_that_are_kept(community: Community) -> None:
    for name in ("text-tools", "json-core"):
        community.claim(name)
        community.publish("1.0.0", name)
    kept = community.publish("1.1.0")
    said = community.run("revoke", community.key("pat"), "--keep", "text-tools@1.1.0", *BOTH).ok()
    assert "revoke a key of 2 plugins: in force" in said.out
    index = community.open()
    text, core = index.claim("text-tools"), index.claim("json-core")  # type: ignore[arg-type]
    assert text is not None
    assert core is not None
    assert text.key is None
    assert core.key is None
    assert text.retired == {community.key("pat"): frozenset({kept})}
    assert (len(text.revoked_versions), len(core.revoked_versions)) == (1, 1)
    community.run("check", "--deep").ok()
    community.run("rotate", "publisher", "text-tools", "--to", community.key("pat2"), *BOTH).ok()
    community.publish("1.2.0", publisher="pat2")
    community.run("check", "--deep").ok()


def test_a_new_online_key_is_the_only_one_that_counts(community: Community) -> None:
    community.claim()
    community.publish("1.0.0")
    community.run("rotate", "online", *BOTH).ok()
    named = community.run("accept", community.release("1.1.0"), "--online-key", "community-online")
    named.failed(3, "'community-online' is ed25519:", "the online key of this index is")
    community.publish("1.1.0")
    community.run("check", "--deep").ok()


def test_maintainers_come_and_go_with_the_signatures_of_old_and_new(community: Community) -> None:
    carol = community.key("carol")
    swap = ("rotate", "root", "--add", carol, "--remove", community.key("alice"))
    community.run(*swap, "--key", "alice", "--key", "bob").ok()
    assert community.open().authority.maintainers == {community.key("alice"), community.key("bob")}
    digest = community.run("countersign", "--key", "carol", "--dry-run", "--json").ok().json[0]["digest"]
    community.run("countersign", "--key", "carol", "--agree", digest).ok()
    assert community.open().authority.maintainers == {carol, community.key("bob")}
    community.run("claim", "x-tool", "--publisher", community.key("pat"), *BOTH).failed(
        3,
        "'alice' is not a maintainer's key",
        f"help: tarkpm index claim x-tool --publisher {community.key('pat')} --key bob\n",
    )
    community.run(
        "claim", "x-tool", "--publisher", community.key("pat"), "--key", "bob", "--key", "carol"
    ).ok()
    community.run("check").ok()


def test_the_yearly_renewal_signs_everything_anew(community: Community) -> None:
    community.claim()
    before = community.open()
    said = community.run("rotate", "root", *BOTH).ok()
    assert "renew all signatures of index 'community': in force" in said.out
    after = community.open()
    assert after.root.signed.version == before.root.signed.version + 1
    assert after.versions["claims-0"] == before.versions["claims-0"] + 1
    community.run("check").ok()


def test_refresh_signs_a_new_timestamp_and_nothing_else_while_nothing_changed(community: Community) -> None:
    community.run("refresh").ok()
    before = community.open()
    said = community.run("refresh").ok()
    assert "the index is fresh until" in said.out
    after = community.open()
    assert after.timestamp.version == before.timestamp.version + 1
    assert after.versions == before.versions
    assert after.snapshot.version == before.snapshot.version


def test_a_command_in_a_folder_without_an_index_says_what_helps(sandbox: Sandbox) -> None:
    for words in (["check"], ["refresh"], ["yank", "x@1.0.0", "--reason", "y"]):
        sandbox.run("index", *words).failed(
            2, "the folder does not contain an index", "tarkpm index create --help"
        )


def test_what_helps_is_a_command_that_helps_here(community: Community) -> None:
    """Each error an index's keepers meet says what to do about it, on this very index."""
    community.claim()
    folder = community.release("1.0.0")
    community.run("accept", folder).ok()
    pat = community.key("pat")
    helps = {
        ("accept", folder): "publish it as a new version",
        ("yank", "text-tools@1.0.0", "--reason", "x" * 201): "tarkpm index yank --help",
        ("yank", "text-tools@2.0.0", "--reason", "x"): "tarkpm index yank --help",
        ("yank", "text-tools@1.0.0", "--undo"): "tarkpm index yank text-tools@1.0.0 --reason TEXT",
        ("claim", "text-tools", "--publisher", pat, *BOTH): f"rotate publisher text-tools --to {pat}",
        ("claim", "x-tool", "--publisher", pat, "--key", "pat"): "--key alice",
        ("rotate", "publisher", "x-tool", "--to", pat, *BOTH): "tarkpm index claim x-tool --publisher KEY",
        ("rotate", "root", "--threshold", "9", *BOTH): "tarkpm index rotate root --help",
        ("revoke", community.key("alice"), *BOTH): "tarkpm index rotate root",
        ("countersign",): "tarkpm index check",
        ("create", community.folder, "--name", "c", "--maintainer", pat, "--threshold", "1"): "index check",
    }
    for words, said in helps.items():
        failed = community.run(*words)
        failed.failed(failed.status, f"help: {said}" if said.startswith("tarkpm") else said)
        assert failed.status
        assert "tarkpm add" not in failed.err
    community.run("accept", community.release("1.1.0", publisher="quinn")).failed(
        3, "help: if the publisher has a new key: tarkpm index rotate publisher text-tools --to KEY"
    )


def test_a_release_whose_claim_waits_is_told_what_it_waits_for(community: Community) -> None:
    folder = community.release("1.0.0")
    with community.without_online():
        community.run("claim", "text-tools", "--publisher", community.key("pat"), "--key", "alice").ok()
        said = "the claim of 'text-tools' is proposed and not in force yet"
        community.run("accept", folder, "--dry-run").failed(2, said, "help: tarkpm index countersign")
        digest = community.run("countersign", "--key", "bob", "--dry-run", "--json").ok().json[0]["digest"]
        community.run("countersign", "--key", "bob", "--agree", digest).ok()
        refresh = "help: tarkpm index refresh, on the machine with the online key"
        community.run("accept", folder, "--dry-run").failed(2, said, refresh)
        assert refresh in community.run("check").ok().out
    community.run("refresh").ok()
    community.run("accept", folder).ok()


def test_what_expired_is_told_of_in_a_few_lines(tmp_path: Path, calendar: Calendar) -> None:
    """An index nobody looked after for a year and more has one finding for a kind of bin, not one for each."""
    machine = Machine(tmp_path / "keeper", calendar)
    keys = [machine.make_key(name) for name in ("alice", "online")]
    who = ("--maintainer", keys[0], "--threshold", "1", "--online", keys[1], "--key", "alice")
    machine.tarkpm("index", "create", "idx", "--name", "c", "--bins", "4", *who).ok()
    calendar.today = "2028-02-01"
    found = machine.tarkpm("index", "check", "--index", "idx", "--json").json["findings"]
    assert sorted(one["message"].partition(" on ")[0] for one in found if "expired" in one["message"]) == [
        "'claims' expired",
        "'index' expired",
        "'root' expired",
        "'snapshot' expired",
        "'targets' expired",
        "'timestamp' expired",
        "16 bins of 'claims' expired, 'claims-0' first,",
        "16 bins of 'index' expired, 'index-0' first,",
    ]


@pytest.mark.parametrize("claimed", [False, True])
def test_a_clone_in_which_git_kept_no_empty_folder(community: Community, claimed: bool) -> None:
    """It is checked, refreshed, written to, and served, as soon as it is made."""
    if claimed:
        community.claim()
    for folder in sorted(community.folder.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    assert not (community.folder / "files").exists()
    assert "no problems found" in community.run("check", "--deep").ok().out
    community.run("refresh", "--dry-run").ok()
    community.run("refresh").ok()
    community.claim("json-core")
    community.publish(name="json-core")
    assert "no problems found" in community.run("check", "--deep").ok().out


def test_the_status_names_owners_expiries_and_what_waits_for_whom(tmp_path: Path) -> None:
    """Alice knows Bob's key by name, and Carol's not at all."""
    alice, bob, carol = (Sandbox(tmp_path / name) for name in ("a", "b", "c"))
    keys = {"alice": alice.key("mine"), "bob": bob.key("mine"), "carol": carol.key("mine")}
    alice.run("key", "import", keys["bob"], "--name", "bob").ok()
    folder = tmp_path / "idx"
    who = [word for key in keys.values() for word in ("--maintainer", key)]
    where = ("--index", folder)
    alice.run("index", "status", *where).failed(2, "the folder does not contain an index")
    alice.run("index", "create", folder, "--name", "community", "--bins", "1", "--threshold", "2", *who).ok()
    begun = alice.run("index", "status", *where).ok().out
    assert "index community, not created yet" in begun
    assert "2 of 3 maintainers must sign" in begun
    assert (
        "… create index 'community': 1 signature missing\n  signed by  mine\n  may sign   bob, ed25519:"
        in begun
    )

    (hint,) = re.findall(r"next +tarkpm (.+)", begun)
    (agree,) = re.findall(r"help: tarkpm (.+)", bob.run(*hint.split()).failed(4).err)
    bob.run(*agree.split()).ok()
    assert "create index 'community': complete" in alice.run("index", "status", *where).ok().out
    alice.run("index", "refresh", *where).ok()

    report = alice.run("index", "status", *where, "--json").ok().json
    assert [(one["label"], one["here"]) for one in report["maintainers"]] == [
        ("bob", False),
        ("mine", True),
        ("", False),
    ]
    assert report["online"]["label"] == "community-online"
    left = {one["role"]: one["days"] for one in report["roles"]}
    whole = {"root": 365, "targets": 365, "claims": 365, "index": 365, "claims bins": 365}
    whole |= {"index bins": 120, "snapshot": 14, "timestamp": 3}
    assert left.keys() == whole.keys()
    assert all(whole[role] - 1 <= days <= whole[role] for role, days in left.items()), left
    assert report["pending"] == []
    assert "no proposals are waiting" in alice.run("index", "status", *where).ok().out

    alice.run("index", "claim", "text-tools", "--publisher", alice.key("pat"), "--key", "mine", *where).ok()
    (waiting,) = bob.run("index", "status", *where, "--json").ok().json["pending"]
    assert (waiting["title"], waiting["missing"], waiting["problem"]) == ("claim: text-tools", 1, "")
    assert [one["key"] for one in waiting["signed_by"]] == [keys["alice"]]
    assert {one["key"] for one in waiting["may_sign"]} == {keys["bob"], keys["carol"]}
    assert [one["key"] for one in waiting["may_sign"] if one["here"]] == [keys["bob"]]

    (folder / "pending" / "broken.json").write_text("{}")
    shown = bob.run("index", "status", *where).ok().out
    assert f"✗ {folder}/pending/broken.json: " in shown
    assert "claim: text-tools: 1 signature missing" in shown


def test_the_status_of_an_expired_index_says_so(tmp_path: Path, calendar: Calendar) -> None:
    machine = Machine(tmp_path / "m", calendar)
    key = machine.make_key("mine")
    who = ("--maintainer", key, "--threshold", "1", "--bins", "1")
    machine.tarkpm("index", "create", "idx", "--name", "community", *who).ok()
    machine.calendar.today = "2027-01-08"
    shown = machine.tarkpm("index", "status", "--index", "idx").ok().out
    assert re.search(r"^timestamp +online key +1 +2027-01-07T12:00:0\dZ  EXPIRED$", shown, re.MULTILINE)
    assert re.search(r"^root .* in 361 days$", shown, re.MULTILINE)
