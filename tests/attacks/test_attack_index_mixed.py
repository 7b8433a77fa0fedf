"""A mirror mixes files of different days: each is signed, together they never were."""

from support.index_fixtures import Victim

from tarkpm.errors import IndexStale, IndexUntrusted, Unreachable


def test_an_old_snapshot_under_a_new_name(victim: Victim) -> None:
    old = (victim.index.folder / "metadata" / "1.snapshot.json").read_bytes()
    victim.index.publish()
    victim.server.instead("metadata/2.snapshot.json", old)
    victim.meets(IndexUntrusted, "not what the index's maintainers signed: ")


def test_an_old_bin_under_a_new_name(victim: Victim) -> None:
    index, role = victim.index, victim.index.bin("index/text-tools.json")
    old, version = index.load(role).to_bytes(), index.version(role)
    index.release("text-tools", "1.2.0", index.text_key)
    index.publish()
    victim.server.instead(f"metadata/{index.version(role)}.{role}.json", old)
    problem = victim.meets(IndexStale, "stale mirror", f"got v{version}")
    assert problem.exit_status == 5


def test_a_new_timestamp_without_its_snapshot(victim: Victim) -> None:
    victim.index.publish()
    (victim.index.folder / "metadata" / "2.snapshot.json").unlink()
    problem = victim.meets(Unreachable, "could not check the index: a listed file is missing (HTTP 404)")
    assert problem.where.endswith("metadata/2.snapshot.json")


def test_a_claim_that_is_not_there(victim: Victim) -> None:
    for file in (victim.index.folder / "targets" / "publishers").iterdir():
        file.unlink()
    victim.meets(Unreachable, "could not check the index: a listed file is missing (HTTP 404)")


def test_rows_of_today_with_a_claim_of_yesterday_are_two_files_of_one_snapshot(victim: Victim) -> None:
    """The claim's bin of yesterday is not the one today's snapshot names."""
    index, role = victim.index, victim.index.bin("publishers/text-tools.json")
    old = index.load(role).to_bytes()
    index.claim("text-tools")
    index.release("text-tools", "1.2.0", index.text_key)
    index.publish()
    victim.server.instead(f"metadata/{index.version(role)}.{role}.json", old)
    victim.meets(IndexStale, "stale mirror")
