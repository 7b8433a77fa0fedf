"""``tarkpm index site``: what maintainers type and see, what the pages say, and what a release changes of them."""

import re
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import msgspec
import pytest
from support.community import BOTH
from support.logged import LoggedIndex, relist
from support.sandbox import Sandbox
from support.site_world import SiteWorld, example, files_below

from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write
from tarkpm.ops.registry import site as site_verb
from tarkpm.registry.site import output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SiteWorld:
    """The example with its pages, for tests that only read."""
    world = example(SiteWorld(Sandbox(tmp_path_factory.mktemp("site"))))
    world.build()
    return world


def test_what_is_printed(made: SiteWorld) -> None:
    done = made.sandbox.run("index", "site", made.community.folder, "-o", made.public).ok()
    assert re.fullmatch(
        rf"✓ 6 plugins: 0 files written, \d+ unchanged\n  open  {made.public}/index.html\n", done.out
    )


def test_a_page_says_what_a_reader_decides_by(made: SiteWorld) -> None:
    page = made.of("text-tools")
    key = made.community.key("pat")
    for text in (
        "text-tools",
        "1.2.0",
        "Text statistics and notes for the agent",
        "tarkpm add text-tools",
        "<strong>storage</strong>",
        "store its own data",
        f'<code class="key">{key.replace("+", "&#43;") if "&#43;" in page else key}</code>',
        "This key signs since",
        "loses notes that contain a tab",
        "yanked",
        "tarkpm contributors",
        "https://example.com/text-tools",
        "<h3>Text tools</h3>",
        'href="../../plugins/fetch-page/index.html"',
    ):
        assert text in page, text


def test_dangerous_capabilities_come_first_and_are_marked(made: SiteWorld) -> None:
    page = made.of("fetch-page")
    powers = page[page.index('id="powers"') : page.index('id="readme"')]
    kinds = re.findall(r"<p><strong>(\w+)</strong>", powers)
    assert kinds == ["shell", "filesystem", "env", "http"]
    assert powers.count("look closely") == 4
    assert "<code>*.example.com</code>" in powers


def test_dependencies_link_to_their_pages_and_back(made: SiteWorld) -> None:
    page = made.of("fetch-page")
    assert '<a href="../../plugins/text-tools/index.html">text-tools</a> <code>^1.0</code>' in page
    assert '<a href="../../plugins/json-core/index.html">json-core</a> <code>^0.2</code>' in page
    assert '<li><a href="../../plugins/fetch-page/index.html">fetch-page</a></li>' in made.of("json-core")


def test_advisories_yanks_and_revocations_are_said(made: SiteWorld) -> None:
    assert "Affected by 1 advisory:" in made.of("fetch-page")
    assert "Fixed in 1.0.1" in made.of("fetch-page")
    assert "x_TARK-2026-0001" in made.page("advisories.html")
    withdrawn = made.of("withdrawn-one")
    assert "<q>abandoned</q>" in withdrawn
    assert "tarkpm add withdrawn-one" not in withdrawn
    bad = made.of("bad-actor")
    assert "<strong>Revoked.</strong>" in bad
    assert "tarkpm add bad-actor" not in bad


def test_maintainers_thresholds_expiries_and_proposals_are_listed(made: SiteWorld) -> None:
    page = made.page("maintainers.html")
    assert "2 of 2 maintainers must sign" in page
    for who in ("alice", "bob"):
        assert made.community.key(who) in page.replace("&#43;", "+")
    assert made.community.root in page
    assert page.count("data-expires") == 8
    assert "waits-for-bob" in page
    assert "1 signature missing" in page
    # Names of keys are those of this machine, and nobody else's business.
    assert "alice" not in page


def test_every_link_leads_to_a_file(made: SiteWorld) -> None:
    for path, data in made.files().items():
        if not path.endswith(".html"):
            continue
        for target in re.findall(r'(?:href|src|action)="([^"]*)"', data.decode()):
            if target.startswith(("https://", "mailto:")):
                continue
            place, fragment = urldefrag(urljoin(f"/{path}", target))
            file = made.public / place.lstrip("/")
            assert file.is_file(), (path, target)
            assert not fragment or f'id="{fragment}"' in file.read_text(), (path, target)


def test_feeds_name_releases_and_advisories(made: SiteWorld) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ET.fromstring(made.page("releases.atom"))
    titles = [one.text for one in feed.iterfind(f"{atom}entry/{atom}title")]
    assert {"text-tools 1.2.0", "text-tools 1.1.0", "fetch-page 1.0.0"} <= set(titles)
    # Nobody should install these.
    assert not {"text-tools 1.0.0", "withdrawn-one 1.0.0", "bad-actor 1.0.0"} & set(titles)
    ids = [one.text for one in feed.iter(f"{atom}id")]
    assert len(ids) == len(set(ids))
    (title,) = [
        one.text for one in ET.fromstring(made.page("advisories.atom")).iterfind(f"{atom}entry/{atom}title")
    ]
    assert title == "x_TARK-2026-0001: fetch-page <1.0.1"


def test_llms_txt_lists_the_plugins(made: SiteWorld) -> None:
    text = made.page("llms.txt")
    assert text.startswith("# community\n\n> 6 plugins for tark")
    assert f"tarkpm index add community URL --root {made.community.root}" in text
    assert '- [text-tools](plugins/text-tools/index.html): "Text statistics and notes for the agent"' in text


def test_urls_are_used_where_they_are_known(made: SiteWorld, tmp_path: Path) -> None:
    words = ("--url", "https://plugins.example.com", "--index-url", "https://index.example.com/")
    made.sandbox.run("index", "site", made.community.folder, "-o", tmp_path / "public", *words).ok()
    files = files_below(tmp_path / "public")
    assert (
        b'rel="self" type="application/atom+xml" href="https://plugins.example.com/releases.atom"'
        in files["releases.atom"]
    )
    assert b'href="https://plugins.example.com/plugins/text-tools/index.html"' in files["releases.atom"]
    assert b"tarkpm index add community https://index.example.com/ --root" in files["index.html"]


def test_the_same_index_gives_the_same_bytes_in_any_folder(made: SiteWorld, tmp_path: Path) -> None:
    made.sandbox.run("index", "site", made.community.folder, "-o", tmp_path / "other").ok()
    assert files_below(tmp_path / "other") == made.files()


def test_tools_are_listed_if_asked_for(made: SiteWorld, tmp_path: Path) -> None:
    made.sandbox.run("index", "site", made.community.folder, "-o", tmp_path / "public", "--tools").ok()
    page = (tmp_path / "public/plugins/text-tools/index.html").read_text()
    assert "<code>text-stats</code>" in page
    assert "<code>save-note</code>" in page
    assert "&#34;properties&#34;" in page
    cards = (tmp_path / "public/search/cards/0.js").read_text()
    assert '["text-stats","save-note"]' in cards
    # What was asked once is not asked again.
    assert list(made.sandbox.root.rglob("site/tools/*.json"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SiteWorld:
    """Three plugins and their pages, for tests that change them; each leaves the pages up to date."""
    world = SiteWorld(Sandbox(tmp_path_factory.mktemp("changes")))
    world.plugin("json-core", description="Reads JSON")
    world.plugin("text-tools", description="Counts words")
    world.plugin("notes", description="Keeps notes")
    world.build()
    return world


def changed(world: SiteWorld) -> set[str]:
    """Bring the pages up to date, and compare with pages from scratch; returns the files that were written."""
    before = {path: (world.public / path).stat().st_ino for path in world.files()}
    report = world.build()
    after = {path: (world.public / path).stat().st_ino for path in world.files()}
    changed = {path for path in after if before.get(path) != after[path]}
    assert len(changed) == report["written"]
    assert fresh(world) == world.files()
    return changed


def fresh(world: SiteWorld) -> dict[str, bytes]:
    """The pages as they are in a new folder."""
    folder = world.sandbox.root / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    world.sandbox.run("index", "site", world.community.folder, "-o", folder).ok()
    return files_below(folder)


def test_a_change_writes_only_what_it_concerns(world: SiteWorld) -> None:
    assert changed(world) == set()

    # A release.
    world.plugin("text-tools", "1.1.0", description="Counts words")
    found = changed(world)
    assert {path for path in found if not path.startswith("search/")} == {
        "browse/index.html",
        "index.html",
        "maintainers.html",
        "plugins/text-tools/index.html",
        "plugins/text-tools/releases.atom",
        "releases.atom",
    }
    assert {path for path in found if path.startswith("search/")} == {"search/cards/0.js"}

    # A dependency changes the page that it leads to, and a new plugin those that wait for it.
    needs = '[dependencies]\njson-core = "^1.0"\nlater = "^1.0"'
    world.plugin("text-tools", "1.2.0", description="Counts words", tables=needs)
    assert "plugins/json-core/index.html" in changed(world)
    assert 'later <span class="muted">(not in this index)</span>' in world.of("text-tools")
    world.plugin("later", description="Comes later")
    assert {"plugins/text-tools/index.html", "plugins/later/index.html"} <= changed(world)
    assert 'href="../../plugins/later/index.html"' in world.of("text-tools")

    # A yank, an advisory and a revocation.
    world.community.run("yank", "notes@1.0.0", "--reason", "eats notes").ok()
    assert "plugins/notes/index.html" in changed(world)
    assert '"notes"' not in world.page("search/cards/0.js")
    said = (
        "--summary",
        "Bad",
        "--id",
        "x_TARK-2026-0002",
        "--severity",
        "low",
        "--url",
        "https://example.com/2",
    )
    world.community.run("advise", "json-core", "*", *said, *BOTH).ok()
    found = changed(world)
    assert {"plugins/json-core/index.html", "advisories.html", "advisories.atom"} <= found
    assert "plugins/text-tools/index.html" not in found
    world.community.run("revoke", "json-core@1.0.0", *BOTH).ok()
    assert "plugins/json-core/index.html" in changed(world)


def test_a_page_that_is_gone_or_foreign_is_put_right(world: SiteWorld) -> None:
    world.build()
    before = world.files()
    shutil.rmtree(world.public / "plugins/notes")
    (world.public / "plugins/gone").mkdir()
    (world.public / "plugins/gone/index.html").write_text("old")
    (world.public / "search/words/zzz.js").write_text("old")
    assert world.build()["removed"] == 2
    assert world.files() == before


def test_a_run_that_is_killed_leaves_whole_pages(world: SiteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before a write: every page is the old or the new one, and the next run ends the work."""
    world.build()
    old = world.files()
    world.plugin("notes", "3.0.0", description="Keeps many notes")
    new, left = fresh(world), [0]

    def write(path: Path, data: bytes, **more: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("killed")
        atomic_write(path, data, **more)

    monkeypatch.setattr(output, "atomic_write", write)
    for writes in (1, 2, 4, 7):
        left[0] = writes
        world.sandbox.run("index", "site", world.community.folder, "-o", world.public).failed(2, "killed")
        found = world.files()
        assert found.keys() >= old.keys() & new.keys()
        assert all(data in (old.get(path), new.get(path)) for path, data in found.items())
    monkeypatch.undo()
    (world.public / ".index.html.0123456789abcdef.tmp").write_text("half")
    (world.public / "plugins/notes/.index.html.0123456789abcdef.tmp").write_text("half")
    world.build()
    assert world.files() == new


def test_folders_of_somebody_else_are_refused(made: SiteWorld, tmp_path: Path) -> None:
    index = made.community.folder
    (tmp_path / "mine/plugins").mkdir(parents=True)
    (tmp_path / "mine/plugins/notes.txt").write_text("mine")
    for folder, text in (
        (tmp_path / "mine", "the folder has a 'plugins' that tarkpm did not write"),
        (index, "the pages would be written over the index"),
        (index / "metadata", "the pages would be written over the index"),
        (index.parent, "the pages would be written over the index"),
    ):
        failed = made.sandbox.run("index", "site", index, "-o", folder).failed(2)
        assert text in failed.err, (folder, failed.err)
    assert (tmp_path / "mine/plugins/notes.txt").read_text() == "mine"


def test_other_files_of_the_folder_stay(made: SiteWorld, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/CNAME").write_text("plugins.example.com\n")
    made.sandbox.run("index", "site", made.community.folder, "-o", tmp_path / "public").ok()
    assert (tmp_path / "public/CNAME").read_text() == "plugins.example.com\n"


def test_without_the_extra_the_command_that_installs_it_is_named(
    made: SiteWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_verb, "find_spec", lambda name: None)
    failed = made.sandbox.run("index", "site", made.community.folder, "-o", tmp_path / "public").failed(1)
    assert "need jinja2>=3.1.6,<4 and markdown-it-py>=3,<5, which is not installed" in failed.err
    assert f"{sys.executable} -m pip install 'jinja2>=3.1.6,<4' 'markdown-it-py>=3,<5'" in failed.err


def test_a_folder_without_an_index(made: SiteWorld, tmp_path: Path) -> None:
    failed = made.sandbox.run("index", "site", tmp_path, "-o", tmp_path / "public").failed(2)
    assert "the folder does not contain an index" in failed.err
    assert "help: see how to create one: tarkpm index create --help" in failed.err


def test_a_release_has_its_entry_in_the_log_or_is_refused(tmp_path: Path) -> None:
    index, public = LoggedIndex(tmp_path), tmp_path / "public"
    index.sandbox.run("index", "site", index.folder, "-o", public).ok()
    page = (public / "plugins/text-tools/index.html").read_text()
    assert "<dt>Transparency log</dt><dd>entry 0</dd>" in page
    assert "tarkpm add text-tools" in page
    relist(index, lambda row: msgspec.structs.replace(row, proof=""))  # a thief of the online key
    done = index.sandbox.run("index", "site", index.folder, "-o", public).ok()
    assert "warning: text-tools: the row of text-tools 1.0.0 does not prove that it is in the log" in done.out
    page = (public / "plugins/text-tools/index.html").read_text()
    assert "This release could not be verified." in page
    assert "tarkpm add text-tools" not in page


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "javascript:alert(1)", "https://", "https://a b/", "https://x/$(id)", "https://[::1"],
)
def test_a_url_that_cannot_be_one_is_refused(made: SiteWorld, tmp_path: Path, url: str) -> None:
    for option in ("--url", "--index-url"):
        words = (made.community.folder, "-o", tmp_path / "public", option, url)
        made.sandbox.run("index", "site", *words).failed(2, "expected a")
    assert not (tmp_path / "public").exists()
