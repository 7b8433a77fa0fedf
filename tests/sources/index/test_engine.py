"""Metadata in the form in which it was signed is read as it is; any other form is left to tuf."""

import json

import pytest
from support.index_fixtures import Victim
from tuf.api.metadata import Root, Signed
from tuf.api.serialization.json import CanonicalJSONSerializer

from tarkpm.core.layout import CLAIMS
from tarkpm.errors import IndexUntrusted


def test_what_maintainers_publish_is_not_rendered_again(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    theirs = CanonicalJSONSerializer.serialize

    def serialize(self: CanonicalJSONSerializer, signed_obj: Signed) -> bytes:
        rendered.append(signed_obj.type)
        return bytes(theirs(self, signed_obj))

    monkeypatch.setattr(CanonicalJSONSerializer, "serialize", serialize)
    claim, listing = victim.looks()
    assert claim is not None
    assert listing is not None
    assert set(rendered) == {Root.type}, "the first root alone, which its digest vouches for"


def test_metadata_in_any_other_form_is_read_all_the_same(victim: Victim) -> None:
    """Indented, its members in another order, and with an escape where the signed form has the letter."""
    before = victim.looks()
    for role in ("targets", CLAIMS, f"{CLAIMS}-0", f"{CLAIMS}-1", f"{CLAIMS}-2", f"{CLAIMS}-3"):
        signed = victim.index.load(role).signed
        signed.version += 1
        signed.unrecognized_fields["x-note"] = 'größer "und" weiter'
        data = json.loads(victim.index.write(role, signed))
        data["signed"] = dict(reversed(data["signed"].items()))
        victim.index.put_metadata(f"{signed.version}.{role}.json", json.dumps(data, indent=2).encode())
    victim.index.publish()
    assert victim.looks() == before


@pytest.mark.parametrize("last", [True, False])
def test_metadata_with_two_signed_parts_is_refused(victim: Victim, last: bool) -> None:
    """Two parsers could each read another one."""
    role = "targets"
    true = victim.index.write(role, victim.index.load(role).signed).decode()
    false = true.replace('"expires":"2', '"expires":"3').partition('"signed":')[2][:-1]
    doubled = f'{true[:-1]},"signed":{false}}}' if last else f'{{"signed":{false},{true[1:]}'
    victim.index.put_metadata(f"{victim.index.versions[role]}.{role}.json", doubled.encode())
    with pytest.raises(IndexUntrusted, match="a key occurs twice"):
        victim.looks(cache="empty")
