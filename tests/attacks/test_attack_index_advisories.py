"""Advisories that are withheld, rolled back, exchanged, forged or endless, and texts that mislead."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from support.advised import NOW, advise, advisory, field, put_list
from support.index_fixtures import JSON, TEXT, Victim

from tarkpm.core import osv
from tarkpm.core.advised import IndexAdvisories, render_part
from tarkpm.core.layout import ADVISORIES_FIELD, CLAIMS, INDEX, advisories_path, advisory_path, claim_path
from tarkpm.core.release import is_plugin_name
from tarkpm.errors import IndexStale, IndexUntrusted, Unreachable

NOTHING = IndexAdvisories()


def asks(victim: Victim) -> Callable[..., IndexAdvisories]:
    def ask(known: IndexAdvisories = NOTHING, **more: Any) -> IndexAdvisories:
        with victim.client(**more) as client:
            client.claims([TEXT])
            return client.advisories([TEXT], known)

    return ask


def test_the_list_comes_whole_and_the_documents_of_the_asked_alone(victim: Victim) -> None:
    index = victim.index
    assert asks(victim)().listed == {}
    mine, other = advisory(index), advisory(index, JSON, "x_A-2")
    advise(index, mine, other)
    found = asks(victim)()
    assert found.listed == {TEXT: {"x_A-1": NOW}, "json-core": {"x_A-2": NOW}}
    assert list(found.of(TEXT)) == [mine]
    assert list(found.of(JSON)) == []
    assert found.unread(JSON) == ["x_A-2"]
    assert found.expires > 0


def test_nothing_is_asked_for_twice(victim: Victim) -> None:
    advise(victim.index, advisory(victim.index))
    found = asks(victim)()
    before = len(victim.server.requests)
    assert asks(victim)(found).records == found.records
    again = victim.server.requests[before:]
    # As without advisories: is there a newer root, and is the timestamp new.
    assert len(again) == 2, again


def test_a_changed_advisory_is_read_again(victim: Victim) -> None:
    index = victim.index
    advise(index, advisory(index))
    found = asks(victim)()
    later = replace(advisory(index), modified="2026-11-29T10:00:00Z", withdrawn="2026-11-29T10:00:00Z")
    advise(index, later)
    assert list(asks(victim)(found).of(TEXT)) == [later]


def test_an_older_list_is_refused(victim: Victim) -> None:
    """The online key lists the maintainers' metadata from before the advisory."""
    index = victim.index
    versions = dict(index.versions)
    advise(index, advisory(index))
    with victim.client() as client:
        client.claims([TEXT])
        client.advisories([TEXT], NOTHING)
        floors = client.seen
    index.versions = versions
    index.publish()
    victim.meets(IndexStale, "stale mirror", ask=asks(victim), cache="another", floors=floors)


def test_a_mirror_that_withholds_a_document_or_the_list_is_noticed(victim: Victim) -> None:
    advise(victim.index, advisory(victim.index))
    folder = victim.index.folder / "targets" / "publishers"
    for pattern in ("*._advisory.*", "*._advisories-*"):
        (file,) = folder.glob(pattern)
        data = file.read_bytes()
        file.unlink()
        victim.meets(Unreachable, "a listed file is missing", ask=asks(victim), cache=pattern[-5:-1])
        file.write_bytes(data[:-2] + b" \n")
        said = "does not have the signed digest"
        victim.meets(IndexUntrusted, said, ask=asks(victim), cache=pattern[-5:-1])
        file.write_bytes(data)
    assert asks(victim)().records


def test_a_document_that_is_not_the_listed_one_is_refused(victim: Victim) -> None:
    index = victim.index
    one = advisory(index)
    for document, said in [
        (replace(one, id="x_A-2"), "expected the advisory x_A-1, found x_A-2"),
        (replace(one, index="sha256:" + "0" * 64), "expected the advisory x_A-1"),
        (replace(one, name=JSON), "differs from the list"),
        (replace(one, modified="2020-01-01T00:00:00Z"), "differs from the list"),
    ]:
        advise(index, one, documents={one.id: osv.render(document)})
        victim.meets(IndexUntrusted, said, ask=asks(victim))
    index.edit(index.bin(advisory_path(one.id)), {advisory_path(one.id): None})
    index.publish()
    victim.meets(IndexUntrusted, "lists the advisory x_A-1 and does not have it", ask=asks(victim))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a":"' + b"x" * osv.MAX_ADVISORY + b'"}', "expected a sha256 digest and at most"),
        (b"[" * 60_000, "not strict JSON"),
        (b'{"id":"x_A-1","id":"x_A-1"}', "a key occurs twice"),
    ],
)
def test_endless_and_deep_documents_are_refused(victim: Victim, data: bytes, said: str) -> None:
    one = advisory(victim.index)
    advise(victim.index, one, documents={one.id: data})
    victim.meets(IndexUntrusted, said, ask=asks(victim))


def test_ten_thousand_ranges_are_refused(victim: Victim) -> None:
    one = advisory(victim.index)
    raw = json.loads(osv.render(one))
    events = [{"introduced": "0"}, {"fixed": "1.0.0"}]
    raw["affected"][0]["ranges"] = [{"type": "SEMVER", "events": events * 600}]
    advise(victim.index, one, documents={one.id: json.dumps(raw).encode()})
    victim.meets(IndexUntrusted, "expected at most 200 events, found 1,200", ask=asks(victim))


@pytest.mark.parametrize(
    "value",
    [
        [{"length": 10**9, "sha256": "0" * 64}],
        [{"length": 10, "sha256": "../../etc"}],
        [{"length": 10, "sha256": "0" * 64}] * 1000,
        {"length": 10},
        "x",
    ],
)
def test_a_list_named_in_another_form_is_refused(victim: Victim, value: object) -> None:
    field(victim.index, value)
    victim.index.publish()
    victim.meets(IndexUntrusted, ask=asks(victim))


def test_the_online_key_cannot_add_or_remove_an_advisory(victim: Victim) -> None:
    index = victim.index
    advise(index, advisory(index))
    versions = dict(index.versions)
    # 1. It signs 'claims' without the list.
    signed = index.load(CLAIMS).signed
    signed.version += 1
    signed.unrecognized_fields.pop(ADVISORIES_FIELD)
    index.write(CLAIMS, signed, keys=[index.online])
    index.publish()
    victim.meets(IndexUntrusted, "bad signature", ask=asks(victim))
    # 2. It signs a bin of its own that says it lists advisories.
    index.versions = versions
    role = index.bin(claim_path(TEXT).replace("publishers", "index"))
    assert role.startswith(INDEX)
    put_list(index, render_part({}), role=role)
    index.publish()
    with victim.client(cache="another") as client:
        victim.meets(IndexUntrusted, "may not list advisories", ask=lambda: client.listings([TEXT]))


def test_no_plugin_has_the_path_of_an_advisory() -> None:
    for path in (advisory_path("x_A-1"), advisories_path(0)):
        assert not is_plugin_name(path.removeprefix("publishers/").removesuffix(".json"))
