"""Attack: a plugin's texts, a yank reason or an advisory try to run script in a page, or to send its reader away.

Everything that a publisher or the holder of the online key writes reaches a page as text.
"""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.community import BOTH
from support.sandbox import Sandbox
from support.site_world import SiteWorld

from tarkpm.core.rows import Listing
from tarkpm.core.search import MAX_DESCRIPTION
from tarkpm.registry.site.readme import render, safe_url
from tarkpm.registry.site.search import SearchCard, search_files

SCRIPT = "<script>alert(1)</script>"
BREAK = "\"'><img src=x onerror=alert(1)>"
URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "//evil.example",
    "https:evil",
    "https://",
    "https://[::1",
    "blob:https://example.com/1",
    "mailto:",
)
README = f"""
{SCRIPT} <img src=x onerror=alert(1)> <a href="javascript:alert(1)">x</a>

[a](javascript:alert(1)) [b](<java script:alert(1)>) [c](java&#10;script:alert(1)) [d](data:text/html;base64,PHNjcmlwdD4=)
[e](//evil.example) [f](\\\\evil.example) [g](vbscript:x) [h][i] <javascript:alert(1)> ![x](javascript:alert(1))
![pixel](https://evil.example/pixel.png) ![y](data:image/svg+xml;base64,PHN2Zz4=) [![z](https://evil.example/z.svg)](javascript:1)
[quote](https://example.com/"onmouseover="alert(1)) [title](https://example.com "\\"onmouseover=alert(1)")

[i]: javascript:alert(1)

```js" onload="alert(1)
</code></pre>{SCRIPT}
```

| a{SCRIPT} |
|:--|
| <b onclick=alert(1)> |

# </h3>{SCRIPT}

\u202eetisoppo\u202c
"""


class _Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(html: str, *, fragment: bool = False) -> _Page:
    """No script but our own, no handler, no inline style, no request elsewhere, no target that runs anything."""
    page = _Page(html)
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img", "video", "audio", "source", "frame"), (
            html
        )
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "srcset", "ping")
        ]
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            target = attributes.get(name) or ""
            if ":" in target.partition("/")[0]:
                assert target.startswith(("https://", "http://", "mailto:")), target
                assert tag == "a", (tag, target)
            assert not target.startswith("//")
        if tag == "script":
            assert not fragment
            assert re.fullmatch(r"(\.\./)*assets/site\.js", attributes["src"] or "")
        if tag == "style":
            raise AssertionError("inline style")
    return page


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SiteWorld:
    """An index whose publisher writes hostile texts wherever it may."""
    made = SiteWorld(Sandbox(tmp_path_factory.mktemp("site")))
    made.plugin("victim", description="An honest plugin")
    made.plugin(
        "mischief",
        description=f"{SCRIPT}{BREAK}{{{{ 7 * 7 }}}}]]>--> \u202e\u200b](javascript:alert(1))",
        author=BREAK,
        homepage="javascript:alert(1)//https://example.com",
        readme=README,
        tables=f"[contributes]\nproviders = [{{ id = {json.dumps(SCRIPT)}, name = {json.dumps(BREAK)} }}]\n"
        f'[dependencies]\nvictim = "^1.0"',
        capabilities='http = ["*.example.com"]\nenv = ["A_TOKEN"]',
    )
    made.plugin("mischief", "1.1.0", description="x", readme=README)
    run = made.community.run
    run("yank", "mischief@1.1.0", "--reason", f"{SCRIPT}{BREAK}").ok()
    said = ("--summary", f"{SCRIPT}{BREAK}", "--id", "x_TARK-2026-0001", "--severity", "low")
    run("advise", "mischief", "<1.1.0", *said, "--url", "https://example.com/'\"><script>1", *BOTH).ok()
    made.build()
    return made


def test_no_page_has_script_handlers_or_requests_of_a_plugin(world: SiteWorld) -> None:
    pages = {path: data.decode() for path, data in world.files().items() if path.endswith(".html")}
    assert len(pages) == 6
    for html in pages.values():
        assert_harmless(html)
    page = assert_harmless(pages["plugins/mischief/index.html"])
    # It is all there, as text.
    assert SCRIPT in page.text
    assert BREAK in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "https://evil.example/pixel.png" in [dict(a).get("href") for _, a in page.elements]


def test_invisible_characters_are_shown_as_escapes(world: SiteWorld) -> None:
    for path, data in world.files().items():
        text = data.decode()
        assert not {"\u202e", "\u200b", "\u202c"} & set(text), path
    assert r"\u202eetisoppo\u202c" in world.of("mischief")


def test_every_page_forbids_inline_script_and_style(world: SiteWorld) -> None:
    for path, data in world.files().items():
        if path.endswith(".html"):
            found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', data.decode())
            assert found, path
            assert "unsafe" not in found[1]
            assert found[1].startswith("default-src &#39;none&#39;")


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_runs_or_leads_anywhere_odd_is_no_link(url: str) -> None:
    assert safe_url(url) == ""
    assert_harmless(
        str(render(f"[x]({url}) [y](<{url}>)\n\n[z]: {url}\n\n[z] <{url}>".encode())), fragment=True
    )


def test_honest_urls_are_links() -> None:
    for url in ("https://example.com/a?b=c#d", "http://example.com", "mailto:me@example.com"):
        assert safe_url(url) == url
        assert f'href="{url}"' in render(f"[x]({url})".encode())


def test_a_readme_is_harmless_alone_too() -> None:
    assert_harmless(str(render(README.encode())), fragment=True)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 64_000,
        b"*a " * 21_000,
        b"![[" * 21_000,
        b"> " * 32_000,
        b"[a](b" * 12_000,
        b"_a*" * 21_000,
        b"\xff\xfe" * 9,
    ],
    ids=["brackets", "emphasis", "images", "quotes", "links", "mixed", "not UTF-8"],
)
def test_a_readme_that_is_slow_to_parse_ends(data: bytes) -> None:
    assert len(render(data)) < 500_000


def test_feeds_are_xml_whatever_plugins_say(world: SiteWorld) -> None:
    feeds = [data for path, data in world.files().items() if path.endswith(".atom")]
    assert len(feeds) == 4
    for data in feeds:
        feed = ET.fromstring(data)
        for link in feed.iter("{http://www.w3.org/2005/Atom}link"):
            assert not link.attrib["href"].startswith("javascript:")
    (one,) = [data for data in feeds if b"x_TARK-2026-0001" in data]
    assert SCRIPT in ET.fromstring(one).findtext(".//{*}summary", "")


def test_llms_txt_quotes_what_authors_say(world: SiteWorld) -> None:
    (line,) = [line for line in world.page("llms.txt").splitlines() if line.startswith("- [mischief]")]
    assert line.startswith('- [mischief](plugins/mischief/index.html): "')
    assert line.endswith('"')
    assert "](javascript" not in line.partition(": ")[2]
    assert "\\<script\\>" in line
    assert "not instructions" in world.page("llms.txt")


def test_the_files_of_the_search_are_one_call_with_json(world: SiteWorld) -> None:
    scripts = {path: data for path, data in world.files().items() if path.startswith("search/")}
    assert scripts
    for data in scripts.values():
        text = data.decode("ascii")
        assert text.startswith("tarkpm(")
        assert text.endswith(")\n")
        assert len(json.loads(f"[{text[7:-2]}]")) == 3


def test_a_description_cannot_end_the_script_that_carries_it() -> None:
    hostile = '");alert(1);("\u2028\u2029</script>\\'
    for file in search_files([SearchCard("x", "1.0.0", "tool", (), hostile[:MAX_DESCRIPTION])]):
        text = file.make().decode("ascii")
        assert len(json.loads(f"[{text[7:-2]}]")) == 3
        assert "\n" not in text[:-1]
        assert ".." not in file.path


def test_a_word_cannot_make_a_file_name_that_is_too_long_or_elsewhere() -> None:
    cards = [
        SearchCard(f"plugin-{n}", "1.0.0", "tool", (), f"{'日' * 0}{'ж' * 110} ../../x {'x' * 90}")
        for n in range(2000)
    ]
    for file in search_files(cards):
        assert re.fullmatch(r"(?:start|(?:words|keys|cards)/[a-z0-9_.]{1,110})\.js", file.path), file.path


def test_a_listing_without_a_claim_has_no_page(world: SiteWorld, tmp_path: Path) -> None:
    """Whoever stole the online key lists releases, of a name that is not claimed, or signed by another key."""
    from datetime import UTC, datetime

    import msgspec

    from tarkpm.core.layout import rows_path
    from tarkpm.core.release import PluginName
    from tarkpm.core.rows import render as render_rows
    from tarkpm.registry.change import IndexChange
    from tarkpm.registry.folder import open_index

    made = SiteWorld(Sandbox(tmp_path))
    made.plugin("honest", description="An honest plugin")
    community = made.community
    index = open_index(community.folder)
    listing = index.listing(PluginName("honest"))
    thief = community.signer("community-online")
    change = IndexChange(index, datetime.now(UTC).replace(microsecond=0))
    stolen = msgspec.structs.replace(listing, name=PluginName("stolen"))
    change.update_bin(rows_path(PluginName("stolen")), render_rows(stolen), thief)
    row = msgspec.structs.replace(listing.rows[0], description="Changed by a thief")
    forged = render_rows(Listing(listing.name, (row,), listing.publisher))
    change.update_bin(rows_path(PluginName("honest")), forged, thief)
    change.commit(community.folder, thief)
    report = made.build()
    assert report["plugins"] == 1
    problems = {one["name"]: one["message"] for one in report["problems"]}
    assert problems["stolen"] == "the listed releases are not those of a claimed name"
    assert "differs from the signed plugin.toml" in problems["honest"]
    assert not (made.public / "plugins/stolen").exists()
    page = made.of("honest")
    assert "could not be verified" in page
    assert "tarkpm add honest" not in page
