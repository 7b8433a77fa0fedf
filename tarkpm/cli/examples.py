"""Examples for ``--help``, by command. A test reads each of them as the program does."""

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "init": ("tarkpm init", "tarkpm init --project app --tark-version 0.12.6"),
    "add": (
        "tarkpm add text-tools",
        "tarkpm add github:owner/repo/folder --tag v1.2.0",
        "tarkpm add ./my-plugin",
    ),
    "remove": ("tarkpm remove text-tools",),
    "update": ("tarkpm update", "tarkpm update text-tools --dry-run"),
    "lock": ("tarkpm lock", "tarkpm lock --check"),
    "sync": ("tarkpm sync", "tarkpm sync --frozen --accept-project=sha256:DIGEST"),
    "accept": ("tarkpm accept", "tarkpm accept --print"),
    "accepted": ("tarkpm accepted", "tarkpm accepted --forget ."),
    "verify": ("tarkpm verify", "tarkpm verify --json"),
    "search": ("tarkpm search words",),
    "diff": (
        "tarkpm diff",
        "tarkpm diff main",
        "tarkpm diff HEAD~1 HEAD --markdown",
        "tarkpm diff ./old.lock",
    ),
    "log": ("tarkpm log", "tarkpm log -n 50"),
    "show": ("tarkpm show", "tarkpm show 3"),
    "rollback": ("tarkpm rollback --dry-run", "tarkpm rollback 3"),
    "licenses": ("tarkpm licenses", "tarkpm licenses --allow MIT --allow Apache-2.0"),
    "sbom": ("tarkpm sbom > sbom.json",),
    "versions": ("tarkpm versions text-tools", "tarkpm versions github:owner/repo"),
    "tree": ("tarkpm tree", "tarkpm tree --invert text-tools"),
    "outdated": ("tarkpm outdated",),
    "list": ("tarkpm list", "tarkpm list --user"),
    "info": ("tarkpm info text-tools",),
    "enable": ("tarkpm enable text-tools",),
    "disable": ("tarkpm disable text-tools",),
    "grant": (
        "tarkpm grant text-tools storage http:api.example.com",
        "tarkpm grant github secret:token=github",
    ),
    "revoke": ("tarkpm revoke text-tools http:api.example.com",),
    "call": (
        'tarkpm call text-tools text-stats \'{"text":"two words"}\'',
        "tarkpm call ./my-plugin text-stats - < arguments.json",
    ),
    "trial": (
        'tarkpm trial . read-page \'{"url":"https://example.com"}\'',
        "tarkpm trial . read-page @arguments.json --allow http:example.com --write",
    ),
    "test": ("tarkpm test", "tarkpm test ./my-plugin -k empty"),
    "check": ("tarkpm check", "tarkpm check ./my-plugin"),
    "tools": ("tarkpm tools", "tarkpm tools text-tools", "tarkpm tools --changed"),
    "mcp": ("tarkpm mcp connect claude-code", "tarkpm mcp connect codex --print"),
    "auth": ("tarkpm auth login chatgpt-oauth", "tarkpm auth status chatgpt-oauth"),
    "secret": ("tarkpm secret set github", "tarkpm secret set github < token.txt", "tarkpm secret list"),
    "chat": ("tarkpm chat chatgpt-oauth 'Say hello.'", "tarkpm chat chatgpt-oauth - < prompt.txt"),
    "serve": ("tarkpm serve openai",),
    "serve openai": (
        "tarkpm serve openai",
        "tarkpm serve openai 127.0.0.1:8080",
        "tarkpm serve openai --auth openai-compat:OPENAI_API_KEY=device-auth",
    ),
    "inspect": ("tarkpm inspect plugin.wasm",),
    "cache": ("tarkpm cache", "tarkpm cache clean"),
    "doctor": ("tarkpm doctor",),
    "completions": ('eval "$(tarkpm completions bash)"', "tarkpm completions fish | source"),
    "merge-driver": ("tarkpm merge-driver install",),
    "new": (
        "tarkpm new word-count --lang c",
        "tarkpm new my-hook --lang rust --type hook --license Apache-2.0",
    ),
    "build": ("tarkpm build", "tarkpm build ./my-plugin"),
    "dev": ("tarkpm dev", 'tarkpm dev . word-count \'{"text":"two words"}\''),
    "wit": ("tarkpm wit", "tarkpm wit wit --c"),
    "sign": ("tarkpm sign ./my-plugin --key release",),
    "publish": ("tarkpm publish ./my-plugin --to ../index/submissions",),
    "key": (
        "tarkpm key generate --name release --passphrase",
        "tarkpm key export release --to backup.pem",
        "tarkpm key import backup.pem --name release",
    ),
}


def epilog(name: str) -> str | None:
    """Return the examples of a command as click prints them below the options; None if it has none."""
    lines = EXAMPLES.get(name)
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else None
