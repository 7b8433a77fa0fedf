"""Static pages of an index (``tarkpm index site``).

`build.SiteBuild` reads what changed, `facts` gathers what a page says about a plugin, `pages` renders it with
Jinja, `search` makes the files that the browser searches, and `output` writes only what differs.

Texts of plugins, yank reasons and advisories are untrusted. They reach a page in three ways only: escaped by
Jinja's autoescape after `text.neutral`, as Markdown through `readme`, or as JSON through `search`. No page
has inline script or style, so that a Content-Security-Policy forbids both (docs/decisions/0216).
"""
