"""The site: HTML that Sphinx makes of the repository's Markdown."""

import functools
import http.server
import subprocess
import sys
from pathlib import Path

from docgen.reference import ROOT

SITE = ROOT / "site"
TREES = ROOT / "build" / "doctrees"


def build(site: Path = SITE, trees: Path = TREES) -> int:
    """Build the site into a folder; a broken link, an unlisted page and any other warning are errors."""
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    places = ["--conf-dir", ROOT / "docgen" / "site", "--doctree-dir", trees, ROOT, site]
    command = [sys.executable, "-m", "sphinx", *strict, "--builder", "html", *map(str, places)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def serve(port: int = 8000) -> None:
    """Serve the site on loopback until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"serving {SITE} at http://127.0.0.1:{server.server_port}/")
        server.serve_forever()
