"""``tarkpm audit``: what a user sees of advisories, and what a machine without a network knows."""

import json
from pathlib import Path

import pytest
from conftest import Publisher
from msgspec.structs import replace
from support.advised import advise, advisory
from support.indexed import IndexedProject
from support.sandbox import Sandbox

from tarkpm.core.advisory import Severity

LINE = "text-tools  1.0.0    x_A-1    high      1.1.0     Reads too much\n"
NOTE = "note: 'text-tools' 1.0.0 has advisory x_A-1 (high); see: tarkpm audit\n"


@pytest.fixture
def locked(indexed: IndexedProject) -> IndexedProject:
    """A project with text-tools 1.0.0, which its range may update to 1.1.0."""
    indexed.release("text-tools", "1.0.0")
    indexed.use()
    indexed.sandbox.run("add", "text-tools@^1.0", "--accept-capabilities").ok()
    indexed.release("text-tools", "1.1.0")
    return indexed


def test_the_errand(locked: IndexedProject) -> None:
    sandbox, server = locked.sandbox, locked.server
    fine = sandbox.run("audit").ok().out
    assert fine.startswith("✓ nothing found (1 plugin; community checked 20")
    advise(locked.repo, advisory(locked.repo))
    # A network request is what makes it known, and `outdated` makes one anyway.
    assert "nothing found" in sandbox.run("audit", "--offline").ok().out
    sandbox.run("outdated")
    asked = len(server.requests)
    found = sandbox.run("audit", "--offline")
    assert found.status == 1
    assert LINE in found.out
    assert (
        "  x_A-1: https://example.com/1\n  help: tarkpm update text-tools\n1 finding (1 plugin; " in found.out
    )

    # The other verbs say it in one line, as often as they run.
    for words in (["sync"], ["sync"], ["sync", "--reinstall"], ["verify"]):
        assert NOTE in sandbox.run(*words).ok().out
    called = sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    assert NOTE in called.err
    assert len(server.requests) - asked <= 1, "a reinstallation may fetch the release; nothing else is asked"

    sandbox.run("update", "text-tools").ok()
    assert "nothing found" in sandbox.run("audit").ok().out
    assert "advisory" not in sandbox.run("sync").ok().out


def test_a_withdrawn_advisory_is_no_finding_any_more(locked: IndexedProject) -> None:
    one = advisory(locked.repo)
    advise(locked.repo, one)
    assert locked.sandbox.run("audit").status == 1
    advise(locked.repo, replace(one, modified="2026-11-29T00:00:00Z", withdrawn="2026-11-29T00:00:00Z"))
    assert "nothing found" in locked.sandbox.run("audit").ok().out
    assert "advisory" not in locked.sandbox.run("sync").ok().out


def test_the_way_out_works_when_it_is_typed(locked: IndexedProject) -> None:
    sandbox = locked.sandbox
    advise(locked.repo, advisory(locked.repo))
    sandbox.run("add", "text-tools@=1.0.0").ok()
    (found,) = sandbox.run("audit", "--json").json["findings"]
    assert found["hint"] == "tarkpm add community:text-tools@^1.1.0"
    sandbox.run(*found["hint"].split()[1:]).ok()
    sandbox.run("audit").ok()


def test_the_card_says_what_is_known_before_a_release_is_taken(
    indexed: IndexedProject,
) -> None:
    indexed.release("text-tools", "1.0.0")
    indexed.use()
    advise(indexed.repo, replace(advisory(indexed.repo), summary='Reads "too" much\x1b[2K'))
    shown = indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok().err
    assert "advisory │ x_A-1 (high): \"Reads 'too' much\\x1b[2K\"; fixed in 1.1.0" in shown


def test_a_server_that_cannot_be_reached_is_never_fine(locked: IndexedProject) -> None:
    sandbox = locked.sandbox
    advise(locked.repo, advisory(locked.repo))
    sandbox.run("audit")
    locked.server.serve(locked.repo.folder / "nowhere")
    found = sandbox.run("audit")
    assert found.status == 1
    assert LINE in found.out
    # Each command stands below what it helps against.
    lines = found.out.splitlines()
    assert lines[-4] == "  help: tarkpm update text-tools"
    assert lines[-3].startswith("stale: could not check index community since 20")
    assert lines[-1].startswith("2 findings")


def test_a_mirror_that_serves_an_old_state_is_never_fine(locked: IndexedProject) -> None:
    locked.sandbox.run("audit").ok()
    locked.repo.publish(timestamp=-1)
    found = locked.sandbox.run("audit")
    assert found.status == 1
    assert "stale: could not check index community since 20" in found.out
    assert "index expired since" in found.out


def test_what_was_checked_long_ago_is_stale(locked: IndexedProject) -> None:
    """A mirror, or a network that fails, cannot withhold advisories for longer than the timestamp lasts."""
    sandbox = locked.sandbox
    sandbox.run("audit").ok()
    (file,) = (sandbox.state / "advisories").glob("*.checked")
    checked = json.loads(file.read_bytes())
    assert 2 * 86400 < checked["expires"] - checked["checked"] <= 3 * 86400
    file.write_text(json.dumps(checked | {"checked": 1_700_000_000, "expires": 1_700_200_000}))
    found = sandbox.run("audit", "--offline")
    assert found.status == 1
    assert "could not check index community since 2023-11-14 22:13 UTC" in found.out
    for name in ("checked", "json"):
        next((sandbox.state / "advisories").glob(f"*.{name}")).unlink()
    found = sandbox.run("audit", "--offline")
    assert found.status == 1
    assert "could not check index community yet" in found.out


def test_an_advisory_whose_document_is_elsewhere_is_a_finding(locked: IndexedProject) -> None:
    sandbox = locked.sandbox
    advise(locked.repo, advisory(locked.repo))
    sandbox.run("audit")
    (file,) = (sandbox.state / "advisories").glob("*.json")
    state = json.loads(file.read_bytes())
    file.write_text(json.dumps(state | {"records": {}}))
    found = sandbox.run("audit", "--offline")
    assert found.status == 1
    assert "x_A-1    -         -         its document is not on this machine" in found.out
    assert LINE in sandbox.run("audit").out


@pytest.mark.parametrize("name", ["json", "checked"])
def test_a_damaged_record_stops_the_audit_and_nothing_else(locked: IndexedProject, name: str) -> None:
    sandbox = locked.sandbox
    sandbox.run("audit").ok()
    (file,) = (sandbox.state / "advisories").glob(f"*.{name}")
    file.write_text("{")
    note = "note: what this machine knows of advisories cannot be read; see: tarkpm audit"
    assert note in sandbox.run("sync", "--reinstall").ok().out
    assert note in sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok().err
    error = sandbox.run("audit", "--offline").failed(2, "the record of advisories is damaged")
    assert f"rm {file} && tarkpm audit" in error.err
    assert "the record of advisories is damaged" in sandbox.run("doctor").out
    file.unlink()
    sandbox.run("audit").ok()
    assert "advisories" not in sandbox.run("sync").ok().out


def test_the_user_s_own_plugins_are_audited_too(locked: IndexedProject) -> None:
    sandbox, repo = locked.sandbox, locked.repo
    url = ("index", "add", "community", locked.server.url, "--root", repo.root_digest)
    sandbox.run(*url, "--user").ok()
    sandbox.run("add", "text-tools@=1.0.0", "--accept-capabilities", "--user").ok()
    advise(repo, advisory(repo))
    found = sandbox.run("audit", "--user")
    assert found.status == 1
    assert "help: tarkpm add community:text-tools@^1.1.0 --user" in found.out


def test_yanked_and_revoked_releases_are_findings(locked: IndexedProject) -> None:
    sandbox, repo = locked.sandbox, locked.repo
    plugin = sandbox.plugin(sandbox.root / "own", name="own")
    sandbox.run("add", str(plugin), "--accept-capabilities").ok()
    listing = repo.listings["text-tools"]
    repo.put_listing(
        replace(listing, rows=tuple(replace(row, yanked="loses\x1b[2J") for row in listing.rows))
    )
    repo.publish()
    found = sandbox.run("audit")
    assert found.status == 1
    assert "text-tools  1.0.0    yanked   -         -         loses\\x1b[2J" in found.out
    assert "own" not in found.out, "a working copy is the user's own code"
    statement = listing.rows[0].statement.sha256
    repo.claim("text-tools", locked.keys["text-tools"], revoked=frozenset([statement]))
    repo.publish()
    (revoked,) = sandbox.run("audit", "--json").json["findings"]
    assert (revoked["kind"], revoked["plugin"]) == ("revoked", "text-tools")


def test_an_unsigned_release_is_a_finding(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(sign="")
    sandbox.init()
    allowed = ("--allow-unsigned", "text-tools", "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *allowed).ok()
    found = sandbox.run("audit")
    assert found.status == 1
    assert "text-tools  1.0.0    unsigned  -         -         no signature says who made it" in found.out
    assert "help: tarkpm info text-tools" in found.out


def test_text_of_an_advisory_cannot_move_the_cursor_or_turn_the_line(locked: IndexedProject) -> None:
    bad = "fine\x1b[2K\r\u202egnihton"
    one = replace(advisory(locked.repo), summary=bad, references=("https://example.com/\u202e1",))
    advise(locked.repo, one)
    for words in (["audit"], ["audit", "--sarif"]):
        out = locked.sandbox.run(*words).out
        assert not {"\x1b", "\r", "\u202e"} & set(out)
        assert "gnihton" in out


def test_text_of_an_advisory_is_no_link_in_a_forge(locked: IndexedProject) -> None:
    """A forge shows `[text](address)` in a message as a link; the address of an advisory is `helpUri`."""
    advise(locked.repo, replace(advisory(locked.repo), summary="Now [update](https://evil.example)"))
    (run,) = locked.sandbox.run("audit", "--sarif").json["runs"]
    rule = run["tool"]["driver"]["rules"][0]
    texts = [run["results"][0]["message"]["text"], rule["shortDescription"]["text"]]
    assert all("Now [update] (https://evil.example)" in text for text in texts)


def test_the_reason_of_a_yank_is_no_link_in_a_forge(locked: IndexedProject) -> None:
    """Nobody but the online key signs it."""
    listing, reason = locked.repo.listings["text-tools"], "[update](https://evil.example)"
    locked.repo.put_listing(replace(listing, rows=tuple(replace(row, yanked=reason) for row in listing.rows)))
    locked.repo.publish()
    (run,) = locked.sandbox.run("audit", "--sarif").json["runs"]
    assert "[update] (https://evil.example)" in run["results"][0]["message"]["text"]


def test_findings_are_shown_by_a_forge(locked: IndexedProject) -> None:
    repo, severities = locked.repo, list(Severity)
    many = [replace(advisory(repo, id_=f"x_A-{one.value}"), severity=one) for one in severities]
    advise(repo, *many)
    log = locked.sandbox.run("audit", "--sarif").json
    assert log == locked.sandbox.run("audit", "--offline", "--sarif").json, "equal findings are equal"
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "tarkpm"
    assert [rule["id"] for rule in driver["rules"]] == [one.id for one in many]
    assert [one["level"] for one in run["results"]] == ["note", "warning", "error", "error"]
    lock = (locked.sandbox.cwd / "tark.lock").read_text().splitlines()
    for result in run["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "tark.lock"
        assert lock[place["region"]["startLine"] - 1] == 'name = "text-tools"'
        assert result["ruleId"] in {rule["id"] for rule in driver["rules"]}
        assert result["message"]["text"].startswith("text-tools 1.0.0: ")
    assert len({one["partialFingerprints"]["tarkpm/v1"] for one in run["results"]}) == len(many)


def test_an_index_is_not_asked_for_a_project_that_was_not_accepted(
    locked: IndexedProject, tmp_path: Path
) -> None:
    other = Sandbox(tmp_path / "other")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((locked.sandbox.cwd / name).read_bytes())
    asked = len(locked.server.requests)
    other.run("audit").failed(4, "not accepted")
    assert other.run("audit", "--offline").status == 1, "nothing is known, and that is said"
    assert len(locked.server.requests) == asked
