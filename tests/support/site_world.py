"""A small index with something of everything that its pages show, and the pages."""

import json
from pathlib import Path
from typing import Any

from support.community import BOTH, Community
from support.sandbox import Sandbox

README = """\
# Text tools

Counts **words** and keeps notes. See [the guide](https://example.com/guide), [the folder](./docs), and
![a chart](https://example.com/chart.png).

| tool | does |
|:-----|-----:|
| `text-stats` | counts |

```json
{"words": 3}
```

> Quoted, ~~struck~~ and done.
"""


class SiteWorld:
    """An index of one claim a plugin, and a folder ``public`` beside it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.community = Community(sandbox)
        self.public = sandbox.root / "public"
        self._claimed: set[str] = set()

    def plugin(
        self,
        name: str,
        version: str = "1.0.0",
        *,
        description: str = "",
        type: str = "tool",  # noqa: A002
        capabilities: str = "",
        tables: str = "",
        readme: str | bytes = "",
        wasm: bytes | None = None,
        **keys: str,
    ) -> str:
        """Claim the name if it is new, and publish a release; returns the digest of its statement."""
        if name not in self._claimed:
            self.community.claim(name)
            self._claimed.add(name)
        source = self.sandbox.root / "sources" / f"{name}-{version}"
        more: dict[str, Any] = {} if wasm is None else {"wasm": wasm}
        self.sandbox.plugin(source, name=name, version=version, **more)
        texts = {"name": name, "version": version, "type": type, "description": description, "license": "MIT"}
        texts |= keys
        lines = [f"{key} = {json.dumps(text)}" for key, text in texts.items()]
        toml = "\n".join(["[plugin]", *lines, "[capabilities]", capabilities, tables])
        (source / "plugin.toml").write_text(toml + "\n")
        if readme:
            (source / "README.md").write_bytes(readme if isinstance(readme, bytes) else readme.encode())
        to = self.sandbox.root / "submissions"
        folder = self.sandbox.run("publish", source, "--to", to, "--key", "pat", "--json").ok().json["folder"]
        return str(self.community.run("accept", folder, "--json").ok().json["statement"])

    def build(self, *options: str) -> dict[str, Any]:
        """Write the pages; returns the report."""
        run, folder = self.sandbox.run, self.community.folder
        made = run("index", "site", folder, "-o", self.public, "--json", *options)
        report: dict[str, Any] = made.ok().json
        return report

    def page(self, path: str) -> str:
        """A page, as text."""
        return (self.public / path).read_text()

    def of(self, name: str) -> str:
        """The page of a plugin."""
        return self.page(f"plugins/{name}/index.html")

    def files(self) -> dict[str, bytes]:
        """All pages, by path."""
        return files_below(self.public)


def files_below(folder: Path) -> dict[str, bytes]:
    """All files in a folder, by path, but for the stamp."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != folder.parent)
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != ".tarkpm-site.json"
    }


def example(world: SiteWorld) -> SiteWorld:
    """Publish plugins in every state: yanked, advised, revoked, of a key that changed, with a proposal that waits."""
    run = world.community.run
    words = "Text statistics and notes for the agent"
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.plugin(
            "text-tools",
            version,
            description=words,
            capabilities="storage = true",
            readme=README,
            author="tarkpm contributors",
            homepage="https://example.com/text-tools",
        )
    run("yank", "text-tools@1.0.0", "--reason", "loses notes that contain a tab").ok()
    world.plugin(
        "fetch-page",
        description="Reads a web page as Markdown, for agents that may reach the network",
        capabilities='http = ["*.example.com", "api.example.com"]\nenv = ["API_TOKEN"]\nshell = true\nfilesystem = ["docs/"]',
        tables='[dependencies]\ntext-tools = "^1.0"\njson-core = "^0.2"',
        readme="# fetch-page\n\nFetches.\n",
        license="Apache-2.0",
    )
    advise = ("--severity", "high", "--url", "https://example.com/advisories/1", *BOTH)
    said = ("--summary", "A page can make it read files of the workspace", "--id", "x_TARK-2026-0001")
    run("advise", "fetch-page", "<1.0.1", *said, *advise).ok()
    world.plugin("json-core", "0.2.0", description="Reads and writes JSON")
    world.plugin("nihongo", description="日本語のテキストを数える: counts text, zählt Straßen")
    world.plugin("withdrawn-one", description="Had one release")
    run("yank", "withdrawn-one@1.0.0", "--reason", "abandoned").ok()
    world.plugin("bad-actor", description="Steals")
    run("revoke", "bad-actor@1.0.0", *BOTH).ok()
    run("claim", "waits-for-bob", "--publisher", world.community.key("pat"), "--key", "alice").ok()
    return world
