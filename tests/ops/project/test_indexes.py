"""A verb's indexes: which are asked, what is learned, and with whose login."""

import shutil
from pathlib import Path

import pytest
from support.indexrepo import IndexRepo, public
from support.releases import COMMUNITY, EVIL, GOOD, INDEX_TOML, ROOT, documents, entry_of, make_release
from support.silent_ui import SilentUi
from support.workspaces import Open, vouch

from tarkpm.core.layout import claim_path
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.errors import NotFound, Refused, Unreachable
from tarkpm.ops.project.indexes import Indexes, open_client
from tarkpm.ops.project.indexes import entry_of as entry_of_index
from tarkpm.ops.project.workspace import Workspace

CALC = PluginName("calc")


class Real:
    """A real index in a folder, and a project that uses it."""

    def __init__(self, opened: Open, folder: Path) -> None:
        self.repo = IndexRepo(folder, publish=False)
        self.key = self.repo.claim("calc")
        self.repo.release("calc", "1.0.0", self.key)
        self.repo.publish()
        self.source = IndexSource("community", self.repo.root_digest)
        self.toml = f'[index.community]\nurl = "{folder}"\nroot = "{self.repo.root_digest}"\n'
        self.open = opened


@pytest.fixture
def real(opened: Open, tmp_path: Path) -> Real:
    return Real(opened, tmp_path / "index")


# -- which index


@pytest.mark.parametrize(
    "source", [IndexSource("other", ROOT), IndexSource("community", "sha256:" + "b" * 64)]
)
def test_a_nickname_is_no_identity(opened: Open, source: IndexSource) -> None:
    workspace = opened(INDEX_TOML)
    assert entry_of_index(workspace, COMMUNITY).url == "https://index.example"
    with pytest.raises(NotFound, match=f"no index '{source.index}' with that root") as caught:
        entry_of_index(workspace, source)
    assert caught.value.hint == "tarkpm index list"


def test_offline_an_index_is_not_asked(opened: Open, ui: SilentUi) -> None:
    workspace = opened(INDEX_TOML, offline=True)
    with pytest.raises(Unreachable, match="--offline") as caught:
        Indexes(workspace).client(COMMUNITY)
    assert caught.value.where == "index community at https://index.example"
    assert ui.shown_busy == []


def test_one_client_an_index_and_verb(real: Real, ui: SilentUi) -> None:
    workspace = real.open(real.toml)
    indexes = workspace.resource(Indexes)
    assert indexes.client(real.source) is indexes.client(real.source)
    assert workspace.resource(Indexes) is indexes
    assert ui.shown_busy == ["asking index community"]
    workspace.close()
    assert workspace.resource(Indexes) is indexes  # closed: a thread that outlives the verb opens none


# -- what is learned


def test_listings_are_kept_with_who_may_publish(real: Real) -> None:
    workspace = real.open(real.toml)
    assert workspace.vouched.claim(real.source, CALC) is None
    found = Indexes(workspace).listings(real.source, [CALC, PluginName("nowhere")])
    assert found[PluginName("nowhere")] is None
    listing = found[CALC]
    assert listing is not None
    assert [str(row.version) for row in listing.rows] == ["1.0.0"]
    claim = real.open(None).vouched.claim(real.source, CALC)  # and by another command
    assert claim is not None
    assert claim.key == public(real.key)


def test_only_the_publishers_that_are_not_known_are_asked_about(real: Real) -> None:
    known = make_release(source=real.source)
    workspace = real.open(real.toml)
    Indexes(workspace).learn(real.source, [CALC])
    offline = real.open(None, offline=True)
    shutil.rmtree(offline.settings.paths.cache)
    Indexes(offline).learn_publishers([entry_of(known)])
    with pytest.raises(Unreachable, match="--offline forbids network requests") as caught:
        Indexes(offline).learn_publishers([entry_of(make_release("memo", source=real.source))])
    assert caught.value.where == f"index community at {real.repo.folder}"


def test_offline_the_cache_says_who_may_publish_where_state_does_not_know(real: Real) -> None:
    """A CI job has a cache and no state (docs/decisions/0110); only a signed answer counts as one."""
    first = real.open(real.toml)
    Indexes(first).learn(real.source, [CALC])
    shutil.rmtree(first.settings.paths.state)
    offline = real.open(None, offline=True)
    calc, memo, weather = (
        entry_of(make_release(name, source=real.source)) for name in ("calc", "memo", "weather")
    )
    assert offline.vouched.claim(real.source, CALC) is None
    # memo is in the bin of calc, which says that nobody may publish it
    assert real.repo.bin(claim_path(memo.name)) == real.repo.bin(claim_path(CALC))
    Indexes(offline).learn_publishers([calc, memo])
    for workspace in (offline, real.open(None, offline=True)):  # it is kept in state
        claim = workspace.vouched.claim(real.source, CALC)
        assert claim is not None
        assert claim.key == public(real.key)
        assert workspace.vouched.claim(real.source, memo.name) is None
    # the bin of weather was never fetched
    assert real.repo.bin(claim_path(weather.name)) != real.repo.bin(claim_path(CALC))
    with pytest.raises(Unreachable, match="--offline forbids network requests"):
        Indexes(offline).learn_publishers([weather])


def test_an_entry_of_an_index_that_the_project_does_not_have_asks_nobody(opened: Open) -> None:
    """A planted entry would otherwise send this user's requests where it likes."""
    planted = make_release(source=IndexSource("community", "sha256:" + "b" * 64))
    workspace = opened(*documents(planted, toml=INDEX_TOML), offline=True)
    Indexes(workspace).learn_publishers([*workspace.lock.entries, entry_of(make_release("git"))])


def test_a_yanked_row_is_remembered_only_of_what_is_locked(real: Real) -> None:
    from tarkpm.core.rows import Listing

    (row,) = real.repo.listings["calc"].rows
    yanked = type(row)(row.version, row.type, row.statement, row.files, yanked="it loses notes")
    real.repo.put_listing(Listing(CALC, (yanked,), public(real.key)))
    real.repo.publish()
    workspace = real.open(real.toml)
    Indexes(workspace).listings(real.source, [CALC])
    assert workspace.vouched.why_yanked(real.source, row.statement.sha256) == ""
    locked = make_release(source=real.source)
    entry = type(entry_of(locked))(
        CALC,
        row.version,
        row.type,
        real.source,
        signer=public(real.key),
        statement=row.statement,
        files=row.files,
    )
    workspace.lock = type(workspace.lock).of([entry])
    Indexes(workspace).listings(real.source, [CALC])
    assert workspace.vouched.why_yanked(real.source, row.statement.sha256) == "it loses notes"


def test_a_claim_that_is_known_is_guessed_first(opened: Open) -> None:
    """A right guess saves a request; a lock or a row guesses where nothing is known."""
    workspace = opened(*documents(make_release(source=COMMUNITY, key=EVIL), toml=INDEX_TOML))
    guess = Indexes(workspace)._likely_claim
    first = guess(COMMUNITY, CALC, None)
    assert first is not None
    assert first.key == public(EVIL)
    vouch(workspace, "calc", GOOD)
    known = guess(COMMUNITY, CALC, None)
    assert known is not None
    assert known.key == public(GOOD)
    assert guess(COMMUNITY, PluginName("memo"), None) is None


# -- login


OPEN_QUOTATION = 'machine index.example login me password "s3cret\n'


def with_netrc(workspace: Workspace, text: str) -> None:
    (Path(workspace.settings.environment["HOME"]) / ".netrc").write_text(text)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("machine index.example login me password s3cret\n", False),
        ("machine\n", False),  # curl ignores it, too (docs/decisions/0096)
        (OPEN_QUOTATION, True),
    ],
)
def test_a_netrc_that_cannot_be_read_is_an_error_before_anything_is_sent(
    opened: Open, text: str, refused: bool
) -> None:
    workspace = opened(INDEX_TOML)
    with_netrc(workspace, text)
    entry = entry_of_index(workspace, COMMUNITY)
    if not refused:
        open_client(workspace, entry).close()
        return
    with pytest.raises(Refused) as caught:
        open_client(workspace, entry)
    assert caught.value.where.endswith(".netrc")
    assert "s3cret" not in caught.value.message


def test_an_index_in_a_folder_needs_no_login(real: Real) -> None:
    workspace = real.open(real.toml)
    with_netrc(workspace, OPEN_QUOTATION)
    open_client(workspace, entry_of_index(workspace, real.source)).close()
