"""A year and a summer of an index's life, played with real processes: the story of `index/maintainers.md`.

The index's folder stands for a repository that everybody has pulled: two maintainers, a forge that holds the
online key, three publishers. Four people use it: one keeps up to date, one comes new at every turn, one works
offline, and one comes back after a year.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.faked_clock import Calendar, Machine
from support.sandbox import Result

from tarkpm.core.key import PublicKey
from tarkpm.core.layout import rows_path
from tarkpm.core.release import plugin_name
from tarkpm.core.rows import Listing, render
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import open_index
from tarkpm.registry.keys import Signer
from tarkpm.store.keys import KeyStore


class Year:
    """Everybody, and the index they share."""

    def __init__(self, root: Path, calendar: Calendar) -> None:
        self.calendar, self.root = calendar, root
        self.index = root / "index"
        self.alice, self.bob, self.carol = (self.machine(name) for name in ("alice", "bob", "carol"))
        self.forge = self.machine("forge")
        self.pat, self.quinn, self.rene = (self.machine(name) for name in ("pat", "quinn", "rene"))
        self.old, self.offline, self.returning = (self.machine(n) for n in ("old", "offline", "returning"))
        self.identity = ""
        self.newcomers = 0

    def machine(self, name: str) -> Machine:
        """Somebody's machine."""
        return Machine(self.root / name, self.calendar)

    def day(self, date: str) -> None:
        """It is now this day, and the daily job ran."""
        self.calendar.today = date
        if self.identity:
            self.refresh().ok()

    def refresh(self) -> Result:
        """The daily job."""
        return self.forge.tarkpm("index", "refresh", cwd=self.index)

    def both(self, *words: str | Path, first: Machine | None = None, second: Machine | None = None) -> Result:
        """One maintainer proposes, another looks and countersigns; then the forge enacts it."""
        first, second = first or self.alice, second or self.bob
        assert "waiting" in first.tarkpm("index", *words, cwd=self.index).ok().out
        self.countersign(second)
        done = self.refresh().ok()
        assert "enacted" in done.out, done
        return done

    def countersign(self, maintainer: Machine) -> None:
        """A maintainer looks at what waits, and agrees to it."""
        seen = maintainer.tarkpm("index", "countersign", "--dry-run", "--json", cwd=self.index).ok().json
        agreed = ("--agree", seen[0]["digest"])
        assert "complete" in maintainer.tarkpm("index", "countersign", *agreed, cwd=self.index).ok().out

    def release(self, who: Machine, name: str, version: str) -> Path:
        """A publisher makes a release folder."""
        source = who.root / "source"
        shutil.rmtree(source, ignore_errors=True)
        who.plugin(source, name=name, version=version)
        done = who.tarkpm("publish", source, "--to", who.root / "out", "--key", "release", "--json").ok()
        return Path(done.json["folder"])

    def publish(self, who: Machine, name: str, version: str) -> Result:
        """A publisher hands a release in; the forge accepts it."""
        return self.forge.tarkpm("index", "accept", self.release(who, name, version), cwd=self.index)

    def audit(self) -> str:
        """The index is as it should be; returns what the audit says."""
        return self.bob.tarkpm("index", "check", "--deep", "--root", self.identity, cwd=self.index).ok().out

    def newcomer(self) -> Machine:
        """Somebody who sets the index up today."""
        self.newcomers += 1
        person = self.machine(f"new-{self.newcomers}")
        self.begin(person)
        return person

    def begin(self, person: Machine) -> None:
        """A project that uses the index, by its root as the maintainers published it."""
        person.init()
        person.tarkpm("index", "add", "community", self.index, "--root", self.identity).ok()

    def versions(self, person: Machine) -> dict[str, str]:
        """What somebody has installed."""
        rows = person.tarkpm("list", "--json").ok().json["plugins"]
        return {row["id"]: row["version"] for row in rows}


TAKE = ("--accept-capabilities",)


@pytest.fixture
def year(tmp_path: Path, calendar: Calendar) -> Year:
    """The first of the year."""
    return Year(tmp_path, calendar)


@pytest.mark.slow  # fifteen seconds
def test_a_year_of_an_index(year: Year) -> None:
    january_an_index_is_made(year)
    february_a_release_and_everybody_has_it(year)
    march_the_daily_job_fails_for_a_week(year)
    april_a_publisher_loses_their_key(year)
    june_the_online_key_is_stolen(year)
    august_a_maintainer_retires_and_one_joins(year)
    september_a_release_is_revoked(year)
    october_a_publishers_key_is_stolen(year)
    january_somebody_comes_back_after_a_year(year)
    july_everything_is_signed_anew(year)


def january_an_index_is_made(year: Year) -> None:
    keys = [person.make_key("maintainer") for person in (year.alice, year.bob)]
    online = year.forge.make_key("online")
    who = ("--maintainer", keys[0], "--maintainer", keys[1], "--threshold", "2", "--online", online)
    year.alice.tarkpm("index", "create", year.index, "--name", "community", "--bins", "2", *who).ok()
    year.countersign(year.bob)
    year.refresh().ok()
    checked = year.bob.tarkpm("index", "check", "--json", cwd=year.index).ok()
    year.identity = checked.json["root"]
    publishers = ((year.pat, "text-tools"), (year.quinn, "note-store"), (year.rene, "web-fetch"))
    for person, name in publishers:
        year.both("claim", name, "--publisher", person.make_key("release"))
        year.publish(person, name, "1.0.0").ok()
    year.audit()
    for person in (year.old, year.offline, year.returning):
        year.begin(person)
        person.tarkpm("add", "text-tools", "note-store", "web-fetch", *TAKE).ok()


def february_a_release_and_everybody_has_it(year: Year) -> None:
    year.day("2027-02-10")
    folder = year.release(year.pat, "text-tools", "1.1.0")
    keyless = year.machine("checker").tarkpm("index", "accept", folder, "--dry-run", cwd=year.index).ok()
    assert "would accept text-tools 1.1.0" in keyless.out
    year.forge.tarkpm("index", "accept", folder, cwd=year.index).ok()
    again = year.publish(year.pat, "text-tools", "1.1.0")
    again.failed(2, "the index already has text-tools 1.1.0")
    year.old.tarkpm("update").ok()
    assert year.versions(year.old)["text-tools"] == "1.1.0"
    person = year.newcomer()
    person.tarkpm("add", "text-tools", *TAKE).ok()
    assert year.versions(person) == {"text-tools": "1.1.0"}
    year.offline.tarkpm("sync", "--offline").ok()
    assert year.versions(year.offline)["text-tools"] == "1.0.0"


def march_the_daily_job_fails_for_a_week(year: Year) -> None:
    """Freshness runs out after three days; what is locked goes on working."""
    year.day("2027-03-01")
    year.calendar.today = "2027-03-08"
    year.old.tarkpm("update").failed(5, "expired")
    for person in (year.old, year.offline):
        person.tarkpm("sync").ok()
        person.tarkpm("verify").ok()
    assert (
        "'timestamp' expired on 2027-03-04T12:00:0" in year.bob.tarkpm("index", "check", cwd=year.index).out
    )
    year.refresh().ok()
    year.old.tarkpm("update").ok()


def april_a_publisher_loses_their_key(year: Year) -> None:
    """A new key takes over; what the lost one signed stays good; each user accepts the new one."""
    year.day("2027-04-12")
    (year.quinn.state / "keys" / "release.pem").rename(year.quinn.root / "drowned.pem")
    (year.quinn.state / "keys" / "release.pub").unlink()
    key = year.quinn.make_key("release")
    year.publish(year.quinn, "note-store", "1.1.0").failed(3, "but the publisher's key is")
    year.both("rotate", "publisher", "note-store", "--to", key)
    year.publish(year.quinn, "note-store", "1.1.0").ok()
    year.audit()
    person = year.newcomer()
    person.tarkpm("add", "note-store", *TAKE).ok()
    year.old.tarkpm("update", "note-store").failed(4, key)
    year.old.tarkpm("update", "note-store", "--trust", key).ok()
    assert year.versions(year.old)["note-store"] == "1.1.0"
    year.offline.tarkpm("sync", "--offline").ok()
    year.offline.tarkpm("verify").ok()


def june_the_online_key_is_stolen(year: Year) -> None:
    """A thief hides a release, and cannot make one; the new online key ends it."""
    year.day("2027-06-01")
    backup = year.root / "backup"
    shutil.copytree(year.index, backup)
    thief = Signer(*KeyStore(year.forge.state / "keys").load("online", bytes))
    _hide_releases(year, thief)
    person = year.newcomer()
    person.tarkpm("add", "text-tools", *TAKE).ok()
    assert year.versions(person) == {"text-tools": "1.0.0"}, "that much a thief can do"
    noticed = year.old.tarkpm("update")
    noticed.failed(4, "'text-tools' 1.0.0 is older than the locked version 1.1.0")
    assert year.versions(year.old)["text-tools"] == "1.1.0"
    year.old.tarkpm("sync").ok()
    forged = year.release(year.rene, "text-tools", "9.9.9")
    year.forge.tarkpm("index", "accept", forged, cwd=year.index).failed(3, "but the publisher's key is")

    shutil.rmtree(year.index)  # the repository, as it was before
    shutil.copytree(backup, year.index)
    key = year.forge.make_key("online-2")
    year.both("rotate", "online", "--online", key)
    year.audit()
    year.old.tarkpm("update").ok()
    assert year.versions(year.old)["text-tools"] == "1.1.0"
    current = year.root / "current"
    shutil.copytree(year.index, current)
    shutil.copy(backup / "metadata/timestamp.json", year.index / "metadata/timestamp.json")
    year.old.tarkpm("update").failed(3, "bad signature: timestamp was signed by 0/1 keys")
    person = year.machine("deceived")
    person.init()
    refused = person.tarkpm("index", "add", "community", year.index, "--root", year.identity)
    refused.failed(3, "bad signature: timestamp was signed by 0/1 keys")
    shutil.rmtree(year.index)
    shutil.copytree(current, year.index)
    year.publish(year.pat, "text-tools", "1.2.0").ok()
    year.old.tarkpm("update").ok()
    assert year.versions(year.old)["text-tools"] == "1.2.0"


def _hide_releases(year: Year, thief: Signer) -> None:
    """All but the oldest release of text-tools go from the rows, and versions go far ahead."""
    index, name = open_index(year.index), plugin_name("text-tools")
    now = datetime.fromisoformat(year.calendar.today).replace(hour=13, tzinfo=UTC)
    index.snapshot.version = index.timestamp.version = 1_000_000
    change = IndexChange(index, now)
    change.update_bin(rows_path(name), render(Listing(name, index.listing(name).rows[:1])), thief)
    change.commit(year.index, thief)


def august_a_maintainer_retires_and_one_joins(year: Year) -> None:
    year.day("2027-08-20")
    carol = year.carol.make_key("maintainer")
    alice = open_index(year.index).authority.maintainers - {_key(year.bob, "maintainer"), PublicKey(carol)}
    (retired,) = alice
    words = ("index", "rotate", "root", "--add", carol, "--remove", retired)
    assert "waiting" in year.alice.tarkpm(*words, cwd=year.index).ok().out
    half = year.bob.tarkpm("index", "countersign", "--dry-run", "--json", cwd=year.index).ok().json
    assert half[0]["title"] == "rotate root: index 'community'"
    agreed = ("--agree", half[0]["digest"])
    assert "waiting" in year.bob.tarkpm("index", "countersign", *agreed, cwd=year.index).ok().out
    year.countersign(year.carol)
    assert "enacted: rotate root" in year.refresh().ok().out
    year.alice.tarkpm(
        "index", "claim", "alices-own", "--publisher", carol, "--key", "maintainer", cwd=year.index
    ).failed(3, "'maintainer' is not a maintainer's key")
    year.audit()
    year.old.tarkpm("update").ok()
    year.newcomer().tarkpm("add", "text-tools", *TAKE).ok()
    year.offline.tarkpm("sync", "--offline").ok()


def _key(person: Machine, name: str) -> PublicKey:
    return KeyStore(person.state / "keys").load(name, bytes)[0]


def september_a_release_is_revoked(year: Year) -> None:
    """web-fetch 1.1.0 reads what it should not."""
    year.day("2027-09-05")
    year.publish(year.rene, "web-fetch", "1.1.0").ok()
    year.old.tarkpm("update").ok()
    assert year.versions(year.old)["web-fetch"] == "1.1.0"
    year.both("revoke", "web-fetch@1.1.0", first=year.bob, second=year.carol)
    year.audit()
    person = year.newcomer()
    person.tarkpm("add", "web-fetch", *TAKE).ok()
    assert year.versions(person) == {"web-fetch": "1.0.0"}, "the newest that was not revoked"
    year.old.tarkpm("update", "text-tools").failed(
        4, "'web-fetch' 1.0.0 is older than the locked version 1.1.0"
    )
    year.old.tarkpm("verify").failed(3, "revoked")
    year.old.tarkpm("sync", "--offline").failed(3, "revoked")
    year.old.tarkpm("add", "web-fetch@=1.0.0", "--allow-downgrade", *TAKE).ok()
    year.old.tarkpm("verify").ok()
    year.offline.tarkpm("verify").ok()


def october_a_publishers_key_is_stolen(year: Year) -> None:
    """Rene's key is revoked with its releases, but for the one that is known to be theirs; a new key follows."""
    year.day("2027-10-11")
    stolen = _key(year.rene, "release")
    year.publish(year.rene, "web-fetch", "1.2.0").ok()  # it was the thief
    year.both("revoke", stolen, "--keep", "web-fetch@1.0.0", first=year.carol, second=year.bob)
    year.publish(year.rene, "web-fetch", "1.3.0").failed(3, "but the publisher's key is revoked")
    (year.rene.state / "keys" / "release.pem").unlink()
    (year.rene.state / "keys" / "release.pub").unlink()
    key = year.rene.make_key("release")
    year.both("rotate", "publisher", "web-fetch", "--to", key, first=year.carol, second=year.bob)
    year.publish(year.rene, "web-fetch", "2.0.0").ok()
    year.audit()
    person = year.newcomer()
    person.tarkpm("add", "web-fetch", *TAKE).ok()
    assert year.versions(person) == {"web-fetch": "2.0.0"}
    year.old.tarkpm("sync").ok()
    year.old.tarkpm("verify").ok()
    year.old.tarkpm("add", "web-fetch@^2").failed(4, key)
    year.old.tarkpm("add", "web-fetch@^2", "--trust", key, *TAKE).ok()


def january_somebody_comes_back_after_a_year(year: Year) -> None:
    """Two roots later, with what was locked on the first day."""
    year.day("2028-01-10")
    year.audit()
    person = year.returning
    person.tarkpm("sync").ok()
    assert set(year.versions(person).values()) == {"1.0.0"}
    person.tarkpm("update", "text-tools").ok()
    assert year.versions(person)["text-tools"] == "1.2.0"
    person.tarkpm("verify").ok()
    year.offline.tarkpm("sync", "--offline").ok()
    year.newcomer().tarkpm("add", "text-tools", "note-store", "web-fetch", *TAKE).ok()


def july_everything_is_signed_anew(year: Year) -> None:
    """What was signed in August runs out in August; `check` says so in time."""
    year.day("2028-07-01")
    assert "note: 'claims' expires on 2028-08-" in year.audit()
    year.both("rotate", "root", first=year.bob, second=year.carol)
    assert "expires on" not in year.audit()
    year.old.tarkpm("update").ok()
    year.old.tarkpm("verify").ok()
