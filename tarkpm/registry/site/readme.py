"""Render a plugin's README, untrusted Markdown, as HTML that cannot do anything.

CommonMark with tables and strikethrough. HTML in it stays text. Only http, https and mailto links are links;
an image becomes a link to it, because a page makes no request to another server. A relative link has no
target here: its text stays.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from tarkpm.core.text import neutral

MAX_README: Final = 64 * 1024
"""Bytes of a README that are shown."""
MAX_URL: Final = 2_000
Tokens = Sequence[Token]
Env = MutableMapping[str, Any]

_SCHEMES: Final = ("http", "https", "mailto")
REL: Final = "nofollow ugc noopener noreferrer"
"""A plugin's link earns it nothing in search engines, and its target learns nothing."""


def safe_url(text: str) -> str:
    """Return an untrusted URL that may be a link's target, or "": no script, data or relative one."""
    # Control characters and blanks: browsers drop them, so that "java\nscript:" is a scheme after all.
    if not text.isprintable() or any(map(str.isspace, text)) or len(text) > MAX_URL:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    has_target = parts.netloc if parts.scheme != "mailto" else parts.path
    return text if parts.scheme in _SCHEMES and has_target else ""


def _heading_open(tokens: Tokens, at: int, _: Env) -> str:
    # The page has a heading of its own above: two levels lower, h6 at the lowest.
    return f"<h{_level(tokens[at])}>"


def _heading_close(tokens: Tokens, at: int, _: Env) -> str:
    return f"</h{_level(tokens[at])}>\n"


def _table_open(_tokens: Tokens, _at: int, _: Env) -> str:
    # Wide tables scroll, and what scrolls can be focused and has a name (WCAG 2.1.1).
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table">\n<table>\n'


def _table_close(_tokens: Tokens, _at: int, _: Env) -> str:
    return "</table>\n</div>\n"


def _cell_open(tokens: Tokens, at: int, _: Env) -> str:
    # A class instead of markdown-it's ``style``, which the policy of the pages forbids.
    side = str(tokens[at].attrGet("style") or "").rpartition(":")[2]
    of = f' class="{side}"' if side in ("left", "center", "right") else ""
    return f"<{tokens[at].tag}{of}>"


def _code(tokens: Tokens, at: int, _: Env) -> str:
    # Without the language, an author's text that would be part of an attribute.
    return f'<pre tabindex="0"><code>{escape(tokens[at].content)}</code></pre>\n'


def _link_open(tokens: Tokens, at: int, env: Env) -> str:
    url = safe_url(str(tokens[at].attrGet("href") or ""))
    env.setdefault("links", []).append(bool(url))
    return f'<a href="{escape(url)}" rel="{REL}">' if url else ""


def _link_close(_tokens: Tokens, _at: int, env: Env) -> str:
    return "</a>" if env["links"].pop() else ""


def _image(tokens: Tokens, at: int, env: Env) -> str:
    url = safe_url(str(tokens[at].attrGet("src") or ""))
    said = escape(tokens[at].content or "image")
    # Links do not nest (HTML, 4.5.1): the image of a badge is only its text.
    if not url or any(env.get("links", ())):
        return f'<span class="image">{said}</span>'
    return f'<a class="image" href="{escape(url)}" rel="{REL}">{said}</a>'


_RULES: Final[Mapping[str, Callable[[Tokens, int, Env], str]]] = {
    "heading_open": _heading_open,
    "heading_close": _heading_close,
    "table_open": _table_open,
    "table_close": _table_close,
    "th_open": _cell_open,
    "td_open": _cell_open,
    "fence": _code,
    "code_block": _code,
    "link_open": _link_open,
    "link_close": _link_close,
    "image": _image,
}


def _level(token: Token) -> int:
    return min(6, int(token.tag[1]) + 2)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for name, rule in _RULES.items():

        def render_rule(_: Any, tokens: Tokens, at: int, _options: Any, env: Env, rule: Any = rule) -> str:
            return str(rule(tokens, at, env))

        parser.add_render_rule(name, render_rule)
    return parser


_PARSER: Final = _parser()


def render(data: bytes) -> Markup:
    """Return a README as HTML. What is not UTF-8, or beyond `MAX_README`, is not shown."""
    text = data[:MAX_README].decode("utf-8", "ignore").replace("\r\n", "\n")
    more = "\n\n…" if len(data) > MAX_README else ""
    plain = "\n".join(neutral(line, keep="\t") for line in text.split("\n"))  # ASCII lines are fast
    return Markup(_PARSER.render(plain + more))  # noqa: S704  escaped above
