"""The files of a new plugin, for each language and type. The templates are package data: tarkpm/scaffolds."""

import importlib.resources
from collections.abc import Mapping
from typing import Final

import msgspec

TYPES: Final = ("tool", "auth", "provider", "hook")
LICENSES: Final = ("MIT", "Apache-2.0", "0BSD")
"""The licences whose text is known; others are named, and their text is the author's to add."""
_SUFFIXES: Final = {"python": "py", "javascript": "js", "c": "c", "rust": "rs"}
LANGUAGES: Final = tuple(_SUFFIXES)
_SHOWN: Final = {"python": "Python", "javascript": "JavaScript", "c": "C", "rust": "Rust"}
_TOOLCHAINS: Final = {
    "python": ("componentize-py", "pip install componentize-py==0.25.1"),
    "javascript": ("componentize-qjs", "npm install --global componentize-qjs@0.4.5"),
    "c": ("ziglang", "pip install ziglang==0.17.1"),
    "rust": ("rustc", "rustup target add wasm32-unknown-unknown"),
}
"""By language: its toolchain, and how the workflow installs it. The versions are those of our tests."""
_DESCRIPTIONS: Final = {
    "tool": "Counts the words and characters of a text",
    "auth": "Signs in with a token from an environment variable",
    "provider": "Repeats the last message",
    "hook": "Stops calls of tools whose arguments contain a private key",
}
_TRIES: Final = {
    "tool": """tarkpm call . @NAME@ '{"text":"two words"}'""",
    "auth": "@VARIABLE@=secret tarkpm auth status .",
    "provider": "tarkpm chat . --model echo Hello",
    "hook": """tarkpm hook run tool.before '{"text":"-----BEGIN PRIVATE KEY-----"}' --plugin .""",
}
_MORE: Final = (
    "# storage = true",
    '# http = ["api.example.com"]',
    '# env = ["EXAMPLE_TOKEN"]',
    '# filesystem = ["docs/:ro"]',
)
_TEMPLATE: Final = ".in"


class NewPlugin(msgspec.Struct, frozen=True):
    """What a new plugin is: a checked name, one of `LANGUAGES`, one of `TYPES`, an SPDX license."""

    name: str
    language: str
    type: str
    license: str
    author: str
    year: int

    @property
    def source(self) -> str:
        """Return the name of its source."""
        return f"plugin.{_SUFFIXES[self.language]}"

    @property
    def toolchain(self) -> str:
        """Return the name of the toolchain that builds it."""
        return _TOOLCHAINS[self.language][0]

    @property
    def variable(self) -> str:
        """Return the environment variable of an auth plugin."""
        return f"{self.name.upper().replace('-', '_')}_TOKEN"

    def files(self) -> dict[str, str]:
        """Return its files by path, as texts."""
        found = {
            self.source: f"{self.language}/{self.type}.{_SUFFIXES[self.language]}",
            "plugin.toml": "common/plugin.toml",
            "README.md": "common/README.md",
            ".gitignore": "common/gitignore",
            ".github/workflows/plugin.yml": "common/workflow.yml",
            "tests/first.toml": f"cases/{self.type}.toml",
        }
        if self.language == "rust":
            found["tark.rs"] = "rust/tark.rs"
        if self.license in LICENSES:
            found["LICENSE"] = f"licenses/{self.license}"
        words = self._words()
        return {path: _filled(_template(name), words) for path, name in found.items()}

    def _words(self) -> Mapping[str, str]:
        is_auth = self.type == "auth"
        needs = [f'env = ["{self.variable}"]'] if is_auth else []
        words = {
            "AUTHOR": f'author = "{_in_toml(self.author)}"' if self.author else '# author = "…"',
            "HOLDER": self.author or f"the authors of {self.name}",
            "YEAR": str(self.year),
            "LICENSE": self.license,
            "TYPE": self.type,
            "DESCRIPTION": _DESCRIPTIONS[self.type],
            "LANGUAGE": _SHOWN[self.language],
            "SOURCE": self.source,
            "TOOLCHAIN": self.toolchain,
            "INSTALL": _TOOLCHAINS[self.language][1],
            "TRY": _TRIES[self.type],
            "CAPABILITIES": "\n".join([*needs, *(line for line in _MORE if not (is_auth and "env" in line))]),
            "ASKS": f"the environment variable {self.variable}" if is_auth else "nothing",
        }
        # Last, because the texts above contain them.
        return words | {"NAME": self.name, "VARIABLE": self.variable}


def _template(name: str) -> str:
    folder = importlib.resources.files("tarkpm") / "scaffolds"
    return (folder / f"{name}{_TEMPLATE}").read_text("utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for key, value in words.items():
        text = text.replace(f"@{key}@", value)
    return text


def _in_toml(text: str) -> str:
    """Return a text for the inside of a basic string (TOML 1.0)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
