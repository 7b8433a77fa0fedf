"""Sphinx's settings.

The sources are the repository's Markdown files where they lie, so that every link holds on a forge, too
(docs/decisions/0167). What Sphinx alone needs, the navigation, is added here and not written into the pages.
"""

from typing import Any, ClassVar

from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Punctuation, Text

from tarkpm import __version__

NAVIGATION = {
    "Guides": ["docs/install", "docs/getting-started", "docs/everyday", "docs/capabilities", "docs/isolation", "docs/advisories",
        "docs/oci-registries", "docs/rebuilding", "docs/ci-identity", "docs/ci", "docs/bundles",
        "docs/pull-requests", "docs/troubleshooting"],
    "Use plugins": ["docs/signing-in", "docs/secrets", "docs/serving-models", "docs/agents", "docs/python", "docs/team-policy"],
    "Write plugins": ["docs/sdk/README", "docs/sdk/c", "docs/sdk/javascript", "docs/sdk/python", "docs/sdk/rust", "docs/sdk/testing", "docs/sdk/publishing", "docs/sdk/*", "plugins/README", "plugins/*/README"],
    "Reference": ["docs/reference/commands", "docs/json", "docs/reference/*"],
    "Maintain an index": ["index/README", "index/*"],
    "Trust": ["SECURITY", "docs/trust-rules", "docs/transparency-log"],
    "The project": ["CONTRIBUTING", "docs/architecture", "docs/style", "docs/assurance", "docs/decisions/README", "benchmarks/README", "fuzzing/README", "mutants/README", "CHANGELOG"],
}  # fmt: skip
"""The pages by section; a pattern stands for the pages that no line before it names."""

project = "tarkpm"
version = release = __version__
copyright = "tarkpm contributors"  # noqa: A001  Sphinx's name

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/**.md",
    "index/*.md",
    "benchmarks/README.md",
    "fuzzing/README.md",
    "mutants/README.md",
    "plugins/README.md",
    "plugins/*/README.md",
]
exclude_patterns = [".*", "**/.*", "tarkpm", "tests", "docgen", "site", "build", "dist"]
nitpicky = True
myst_heading_anchors = 4

html_theme = "furo"
html_title = "tarkpm"
html_copy_source = False
html_extra_path = ["index.html"]  # Sphinx names a page as its source: README.html


class WitLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """WIT, as far as ours goes."""

    name = "WIT"
    aliases: ClassVar = ["wit"]
    tokens: ClassVar = {
        "root": [
            (r"//.*", Comment),
            (r"\b(package|interface|world|import|export|use|record|enum|variant|func)\b(?!-)", Keyword),
            (r"\b(string|bool|[su](?:8|16|32|64)|list|option|result|tuple)\b(?!-)", Keyword.Type),
            (r"%?[a-z][a-z0-9-]*", Name),
            (r"[-{}()<>:;,./@_=]", Punctuation),
            (r"\s+", Text),
        ]
    }


def setup(app: Any) -> None:
    """Connect what Sphinx calls."""
    app.add_lexer("wit", WitLexer)
    app.connect("source-read", add_navigation)


def add_navigation(_: Any, page: str, source: list[str]) -> None:
    """Append the navigation to the front page, and the list of decisions to its page."""
    if page == root_doc:
        source[0] += "".join(toctree(pages, caption=title) for title, pages in NAVIGATION.items())
    elif page == "docs/decisions/README":
        source[0] += toctree(["docs/decisions/*"])


def toctree(pages: list[str], caption: str = "") -> str:
    """Return a directive: hidden with a caption, for the sidebar, or a list on the page."""
    options = f":caption: {caption}\n:hidden:\n" if caption else ""
    return "\n\n```{toctree}\n:glob:\n" + options + "\n" + "".join(f"/{page}\n" for page in pages) + "```\n"
