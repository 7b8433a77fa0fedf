"""One entry of a lock to change at will."""

import msgspec

from support.releases import caps
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.release import GitSource, PluginName
from tarkpm.core.tool import ToolPin
from tarkpm.core.version import Version

KEY = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
FILES = (FileEntry("plugin.toml", Digest("0" * 64), 1), FileEntry("plugin.wasm", Digest("1" * 64), 1))
NAME = PluginName("calc")


def tool(name: str, risk: str = "read-only", digest: str = "a") -> ToolPin:
    """A pin whose digest repeats one hexadecimal digit."""
    return msgspec.convert({"name": name, "risk": risk, "sha256": digest * 64}, ToolPin)


ENTRY = LockEntry(
    NAME,
    Version.parse("1.0.0"),
    "tool",
    GitSource("https://git.example/calc.git", branch="main", commit="a" * 40),
    capabilities=caps("storage"),
    signer=KEY,
    statement=StatementEntry(Digest("2" * 64), 9),
    files=FILES,
    tools=(tool("add"),),
)
