"""The site and the man pages: every page has its place, nothing is broken, and `man` renders them."""

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docgen import html
from docgen.site.conf import NAVIGATION, WitLexer, include_patterns, root_doc

ROOT = Path(__file__).parents[2]


def pages() -> list[str]:
    """The pages of the site, as Sphinx names them."""
    found = {file for pattern in include_patterns for file in ROOT.glob(pattern.replace("**.md", "**/*.md"))}
    return sorted(str(file.relative_to(ROOT).with_suffix("")) for file in found)


def test_every_page_is_in_the_navigation() -> None:
    places = [place for section in NAVIGATION.values() for place in section] + ["docs/decisions/*"]
    lost = [page for page in pages() if not any(fnmatch.fnmatch(page, place) for place in places)]
    assert lost == [root_doc]
    named = [place for place in places if "*" not in place]
    assert set(named) <= set(pages())


def test_a_link_to_a_page_leads_to_one_of_the_site() -> None:
    known = set(pages())
    lost = []
    for page in sorted(known):
        for link in re.findall(r"\]\(([^)#:]+)\.md[)#]", (ROOT / f"{page}.md").read_text()):
            target = ((ROOT / page).parent / link).resolve().relative_to(ROOT)
            lost += [] if str(target) in known else [f"{page}: {target}"]
    assert lost == []


def test_no_page_needs_sphinx_to_be_read() -> None:
    """A directive would be shown as code on a forge."""
    assert [page for page in pages() if re.search(r"^```\{", (ROOT / f"{page}.md").read_text(), re.M)] == []


def test_wit_is_read_without_errors() -> None:
    from pygments.token import Error

    text = "\n".join(file.read_text() for file in (ROOT / "wit").glob("*.wit"))
    assert [value for kind, value in WitLexer().get_tokens(text) if kind is Error] == []


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    assert html.build(tmp_path / "site", tmp_path / "trees") == 0
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.slow
def test_man_renders_a_page_of_each_command(tmp_path: Path) -> None:
    """In a process of its own: click-man's tree is one that is filled in."""
    pytest.importorskip("click_man")
    script = "import docgen.man, pathlib, sys; docgen.man.write(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True)
    names = {file.name for file in tmp_path.iterdir()}
    assert {"tarkpm.1", "tarkpm-add.1", "tarkpm-index-rotate-root.1", "tarkpm-serve-openai.1"} <= names
    for file in tmp_path.iterdir():
        written = re.sub(r"^\.(TH|SH|PP|TP|BR?|EX|EE)\b.*$", "", file.read_text("utf-8"), flags=re.MULTILINE)
        assert not re.search(r"^[.']", written, re.MULTILINE), file  # roff would take it for a request
    if shutil.which("groff"):
        command = ["groff", "-man", "-ww", "-Tutf8", "-Kutf8", str(tmp_path / "tarkpm-add.1")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "tarkpm add github:owner/repo/folder --tag v1.2.0" in done.stdout
