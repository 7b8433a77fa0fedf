"""A signed release in another's place: of another plugin, or of another version."""

from support.index_fixtures import Victim

from tarkpm.core.release import IndexSource
from tarkpm.core.rows import Listing
from tarkpm.core.verification import verify_release
from tarkpm.errors import DigestMismatch


def test_the_server_swaps_two_files(victim: Victim) -> None:
    """Without any key: the file is not the one that was listed."""
    index = victim.index
    first, second = (
        index.folder / "files" / row.statement.sha256 for row in index.listings["text-tools"].rows
    )
    first.write_bytes(second.read_bytes())
    victim.meets(DigestMismatch, "'plugin.dsse.json' has sha256 ", ask=victim.installs)


def test_a_row_that_names_the_release_of_another_plugin(victim: Victim) -> None:
    """With the online key. What the statement and plugin.toml say is what they say, whoever lists them."""
    import msgspec

    index = victim.index
    other = index.listings["json-core"].rows[0]
    listing = index.listings["text-tools"]
    mine = msgspec.structs.replace(other, version=type(other.version).parse("1.2.0"))
    index.put_listing(Listing(listing.name, (*listing.rows, mine)))
    index.publish()
    contents = victim.installs("1.2.0")
    candidate = verify_release(
        contents, contents.pop("plugin.dsse.json"), IndexSource("community", victim.root), where="here"
    )
    assert candidate.manifest.name == "json_core"
    assert str(candidate.manifest.version) == "0.2.0"
