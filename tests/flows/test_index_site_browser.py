"""The pages of an index in a real Chromium: search, keyboard, screen readers (axe), narrow windows, a strict policy."""

import functools
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.browser import Browser, needs_chromium
from support.guests import npm_package
from support.sandbox import Sandbox
from support.site_world import SiteWorld, example

from tarkpm.registry.site.search import words

pytestmark = [pytest.mark.slow, needs_chromium]

AXE = "axe-core@4.14.1"
PAGES = (
    "index.html",
    "index.html?q=text",
    "browse/index.html",
    "advisories.html",
    "maintainers.html",
    "plugins/text-tools/index.html",
    "plugins/fetch-page/index.html",
    "plugins/bad-actor/index.html",
    "plugins/withdrawn-one/index.html",
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SiteWorld:
    made = example(SiteWorld(Sandbox(tmp_path_factory.mktemp("site"))))
    made.build("--tools")
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def served(world: SiteWorld) -> Iterator[str]:
    """The pages on a server that sends the strict policy of index/site.md."""
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Handler, directory=str(world.public))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def forget(browser: Browser) -> None:
    """Leave the page, and forget what it asked for."""
    browser.go("about:blank")
    browser.requests.clear()
    browser.complaints.clear()


def results(browser: Browser) -> list[str]:
    """The names of the results that are shown, once the search is over."""
    browser.wait("/plugin/.test(document.querySelector('[data-status]').textContent)")
    found: list[str] = browser.ask(
        "[...document.querySelectorAll('[data-results] h3 a')].map(a => a.textContent)"
    )
    return found


def search(browser: Browser, text: str) -> list[str]:
    """Type into the search field of the front page."""
    browser.ask("document.querySelector('[data-status]').textContent = ''")
    browser.ask("document.querySelector('#q').value = ''; document.querySelector('#q').focus()")
    browser.type(text)
    return results(browser)


@pytest.mark.parametrize("place", ["folder", "server"])
def test_search(world: SiteWorld, browser: Browser, served: str, place: str) -> None:
    forget(browser)
    base = served if place == "server" else f"file://{world.public}/"
    browser.go(f"{base}index.html")
    assert search(browser, "text")[0] == "text-tools"
    assert set(search(browser, "text")) == {"text-tools", "nihongo", "json-core", "fetch-page"}  # tools, too
    assert search(browser, "cou") == ["nihongo"]  # a part of a word
    assert search(browser, "notes statistics") == ["text-tools"]
    assert search(browser, "json-core") == ["json-core"]
    assert search(browser, "ZÄHLT straß") == ["nihongo"]
    assert search(browser, "日本") == ["nihongo"]
    assert search(browser, "shell") == ["fetch-page"]
    assert search(browser, "bad-actor") == []
    assert search(browser, "<script>alert(1)</script>") == []
    assert search(browser, "constructor __proto__") == []
    assert "No plugins for" in browser.ask("document.querySelector('[data-status]').textContent")
    # Words of a query in the address: what the field on every other page does.
    browser.go(f"{base}index.html?q=json")
    assert "json-core" in results(browser)
    browser.ask("document.querySelector('[data-results] a').click()")
    browser.wait("location.pathname.endsWith('/plugins/json-core/index.html')")
    assert [url for url in browser.requests if not url.startswith(base)] == []
    assert browser.complaints == []


@pytest.mark.parametrize("place", ["folder", "server"])
def test_no_page_breaks_the_policy_or_asks_elsewhere(
    world: SiteWorld, browser: Browser, served: str, place: str
) -> None:
    forget(browser)
    base = served if place == "server" else f"file://{world.public}/"
    for page in PAGES:
        browser.go(base + page)
        assert browser.ask("getComputedStyle(document.body).display") == "flex"  # the style sheet was loaded
        assert browser.ask("typeof window.tarkpm") == "function"  # and the script
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith(base)] == []


def test_the_keyboard_is_enough(world: SiteWorld, browser: Browser) -> None:
    browser.go(f"file://{world.public}/index.html")
    browser.press("Tab")
    assert browser.ask("document.activeElement.textContent") == "Skip to content"
    browser.press("Enter")
    assert browser.ask("document.activeElement.id") == "main"
    browser.press("/")
    assert browser.ask("document.activeElement.id") == "q"
    assert browser.ask("document.querySelector('#q').value") == ""
    browser.type("json-core")
    browser.press("Enter")
    assert results(browser) == ["json-core"]
    browser.press("Tab")  # to the button
    browser.press("Tab")
    assert browser.ask("document.activeElement.textContent") == "json-core"
    browser.press("Enter")
    browser.wait("location.pathname.endsWith('/plugins/json-core/index.html')")


def test_nothing_is_wider_than_a_phone(world: SiteWorld, browser: Browser) -> None:
    for width in (320, 390, 768):
        browser.appear(width=width, height=800)
        for page in PAGES:
            browser.go(f"file://{world.public}/{page}")
            assert browser.ask("document.documentElement.scrollWidth") <= width, (page, width)
    browser.appear()


def test_pages_work_without_script(world: SiteWorld) -> None:
    with Browser(script=False) as browser:
        browser.go(f"file://{world.public}/index.html")
        text = browser.send("DOM.getDocument", depth=-1)
        assert "noscript" in json.dumps(text).lower()
        browser.go(f"file://{world.public}/plugins/text-tools/index.html")


def test_axe_finds_nothing(world: SiteWorld, browser: Browser) -> None:
    try:
        script = (npm_package(AXE) / "node_modules/axe-core/axe.min.js").read_text()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("axe-core cannot be fetched from npm")
    found = []
    for dark in (False, True):
        for width in (1280, 390):
            browser.appear(dark=dark, width=width)
            for page in PAGES:
                browser.go(f"file://{world.public}/{page}")
                if "?q" in page:
                    results(browser)
                browser.ask(script + ";0")
                tags = '{runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}'
                report = json.loads(
                    browser.ask(f"axe.run(document, {tags}).then(r => JSON.stringify(r.violations))")
                )
                found += [
                    (page, dark, width, one["id"], one["impact"], one["nodes"][0]["html"][:200])
                    for one in report
                ]
    browser.appear()
    assert found == [], "\n".join(map(str, found))


def test_the_page_splits_words_as_the_index_does(world: SiteWorld, browser: Browser) -> None:
    """Every word of every plugin finds it."""
    browser.go(f"file://{world.public}/index.html")
    for text, name in (
        ("Text statistics and notes for the agent", "text-tools"),
        ("日本語のテキストを数える: counts text, zählt Straßen", "nihongo"),
    ):
        assert words(text)
        for word in text.split():
            assert name in search(browser, word), word
