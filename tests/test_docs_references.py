"""Every module, test, folder and page that the documentation names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "plugins/README.md",
    *(f"index/{page.name}" for page in sorted((ROOT / "index").glob("*.md"))),
    "plugins/README.md",
    *(f"plugins/{page.parent.name}/README.md" for page in sorted((ROOT / "plugins").glob("*/README.md"))),
    *(f"{page.parent.relative_to(ROOT)}/{page.name}" for page in sorted((ROOT / "docs").rglob("*.md"))),
)
PRESENT = tuple(page for page in PAGES if not page.startswith("docs/decisions/"))
"""Pages about what is there. A decision names what was there when it was made."""
WITH_MODULES = {"CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/trust-rules.md"}
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.py)`")
PLACE = re.compile(r"`((?:tarkpm|tests|docs|index|plugins|wit|benchmarks|assurance)/[\w./-]*|\.ci/\w+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = ("", "tarkpm", "tests/attacks")
PLACEHOLDER = re.compile(r"[A-Z]{4}")
"""`NNNN-title.md`, `test_attack_NAME.py`: what a reader fills in."""


@pytest.mark.parametrize("page", PRESENT)
def test_what_a_page_names_is_there(page: str) -> None:
    named = MODULE.findall(_prose(page))
    assert named or page not in WITH_MODULES
    folders = (*FOLDERS, Path(page).parent)
    missing = [name for name in named if not any((ROOT / folder / name).is_file() for folder in folders)]
    missing = [name for name in missing if name != "plugin.py"]  # the source of a reader's plugin
    places = [name for name in PLACE.findall(_prose(page)) if not PLACEHOLDER.search(name)]
    # `plugins/` alone is also a folder of the user's
    missing += [name for name in places if "/" in name.rstrip("/") and not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    broken = []
    for link in LINK.findall(_prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = ROOT / Path(page).parent / path if path else ROOT / page
        # a file: a forge shows a folder, the site does not
        if not target.is_file() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _prose(page: str) -> str:
    return FENCED.sub("", (ROOT / page).read_text())


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_name_of_the_architecture_page_is_a_class() -> None:
    """The list of names is the one place a newcomer looks them up in."""
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.partition("## Names")[2], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    classes = {
        name
        for file in (ROOT / "tarkpm").rglob("*.py")
        for name in re.findall(r"^class (\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named <= classes, named - classes


def test_no_public_class_has_two_homes() -> None:
    """A name in a traceback or a review names one thing."""
    homes: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tarkpm").rglob("*.py")):
        for name in re.findall(r"^class ([A-Z]\w+)", file.read_text(), re.MULTILINE):
            homes.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
