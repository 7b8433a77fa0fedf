"""A card shows all that is granted, what is dangerous first, and no text of a plugin looks like a line of ours."""

import re
import unicodedata
from collections.abc import Iterable

import pytest
from support.sandbox import Sandbox
from support.terminal import Terminal

STYLE = re.compile(r"\x1b\[[0-9;]*[mK]|\r")
LABELS = {
    "", "source", "signer", "storage", "http", "env", "filesystem", "fs_read", "oauth", "credentials", "shell",
    "sign-in", "scopes", "says", "warning", "capabilities",
}  # fmt: skip
FORGED = "signer ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= (trusted)"
DULL = [f"cdn{number}.static.example.com" for number in range(50)]


def _plugin(
    sandbox: Sandbox, capabilities: str = "storage = true", description: str = "x", extra: str = ""
) -> None:
    folder = sandbox.plugin(sandbox.cwd / "src", capabilities=capabilities, extra=extra)
    toml = folder / "plugin.toml"
    spelled = '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08X}" for c in description) + '"'
    toml.write_text(toml.read_text().replace('"a plugin for tests"', spelled))
    sandbox.init()


def _listed(hosts: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{host}"' for host in hosts) + "]"


def _seen(sandbox: Sandbox, columns: int) -> list[str]:
    """The lines that somebody sees who is asked at a terminal of this width, and says no."""
    with Terminal(sandbox, "add", "./src", columns=columns) as terminal:
        terminal.expect("[y/N]")
        terminal.type("n\n")
        result = terminal.finish()
    assert result.status == 4, result
    return STYLE.sub("", result.err).split("\n")


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def _rows(lines: list[str], columns: int) -> list[tuple[str, str]]:
    """Label and text of each line of the card, which all must fit and have the bar at the same place."""
    begin = next(number for number, line in enumerate(lines) if "text-tools 1.0.0" in line)
    end = next(number for number, line in enumerate(lines) if "[y/N]" in line)
    assert max(map(_width, lines[begin:end])) < columns
    rows, bars = [], set()
    for line in lines[begin + 1 : end]:
        label, bar, text = line.partition(" │ ")
        if bar:
            bars.add(len(label))
            rows.append((label.strip(), text))
            assert label.strip() in LABELS, line
        else:
            assert line.strip() in ("", "look again:", "text-tools 1.0.0 (tool) new"), line
    assert len(bars) == 1
    return rows


def test_more_than_can_be_shown_cannot_be_granted(sandbox: Sandbox) -> None:
    dull = [f"cdn{number}.example.com" for number in range(250)]
    _plugin(sandbox, f'http = {_listed([*dull, "private:router.lan"])}\nenv = ["VAULT_TOKEN"]')
    limit = "plugin.toml: capabilities", "http: expected at most 64 entries, found 251"
    sandbox.run("add", "./src", "--accept-capabilities").failed(2, *limit)
    assert "router" not in (sandbox.cwd / "tark.toml").read_text()


def test_few_long_scopes_are_limited_too(sandbox: Sandbox) -> None:
    label = "x" * 60
    hosts = [f"{label}.{label}.{label}.cdn{number}.example.com" for number in range(10)]
    _plugin(sandbox, f"http = {_listed(hosts)}")
    limit = "http: expected at most 1,600 characters, found 1,990: too long to be reviewed"
    sandbox.run("add", "./src", "--accept-capabilities").failed(2, limit)


@pytest.mark.parametrize("kind", ["http", "env", "filesystem", "fs_read"])
def test_nor_does_a_project_grant_more(sandbox: Sandbox, kind: str) -> None:
    scopes = {
        "http": "h{}.example.com", "env": "V{}", "filesystem": "d{}/", "fs_read": "~/d{}/a",
    }  # fmt: skip
    _plugin(sandbox)
    with (sandbox.cwd / "tark.toml").open("a") as file:
        file.write(f"[grants.x]\n{kind} = {_listed(scopes[kind].format(n) for n in range(65))}\n")
    sandbox.run("list").failed(2, f"{kind}: expected at most 64 entries, found 65")


@pytest.mark.parametrize("columns", [80, 40])
def test_all_of_it_is_shown_and_the_dangerous_first_and_last(sandbox: Sandbox, columns: int) -> None:
    dangerous = ["localhost:8080", "private:router.lan", "*.example.org", "169.254.169.254", "printer"]
    _plugin(
        sandbox,
        f'http = {_listed([*DULL, *dangerous])}\nenv = ["LANG", "VAULT_TOKEN", "GEMINI_*"]\nshell = true\n'
        'filesystem = ["docs/", "notes/:ro"]\nfs_read = ["~/a.txt", "~/.tool/auth.json", "~/work/**"]',
        "harmless",
    )
    lines = _seen(sandbox, columns)
    rows = _rows(lines, columns)
    text = " ".join(line for _, line in rows)
    for scope in (
        *DULL,
        *dangerous,
        "VAULT_TOKEN",
        "GEMINI_*",
        "notes/:ro",
        "~/a.txt",
        "RUN ANY PROGRAM AS YOU",
    ):
        assert scope in text, scope
    assert rows[0][0] == "shell"
    before = text[: text.index(DULL[0])]
    again = " ".join(lines[lines.index("  look again:") :])
    for scope in (*dangerous, "VAULT_TOKEN", "GEMINI_*", "docs/", "~/.tool/auth.json", "~/work/**"):
        assert scope in before, scope
        assert scope in again, scope
    assert DULL[0] not in again
    assert text.index("LANG") > text.index("VAULT_TOKEN")


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize(
    "padding",
    [
        " ",
        "\n",
        "\r\n",
        "\t",
        "\x0b",
        "\u2028",
        "\u00a0",
        "\u3000",
        "\u2800",
        "\u3164",
        "\x1b[1B",
        "\u200b",
        "你",
        "─",
    ],
)
def test_a_description_forges_no_row(sandbox: Sandbox, columns: int, padding: str) -> None:
    forged = "".join(f"{padding * number}{FORGED}" for number in (1, 10, 17, 40, 60, columns, columns + 1))
    _plugin(sandbox, description="nice" + forged)
    lines = _seen(sandbox, columns)
    rows = _rows(lines, columns)
    assert [label for label, _ in rows if label] == ["source", "signer", "storage", "says"]
    said = rows[[label for label, _ in rows].index("says") :]
    assert said[0][1].startswith('"nice')
    assert all(label == "" for label, _ in said[1:])
    assert "  " not in " ".join(text for _, text in said)
    assert not {"\x1b", "\u2800", "\u3164"} & set("".join(lines))


def test_at_a_terminal_too_narrow_for_two_columns(sandbox: Sandbox) -> None:
    _plugin(sandbox, 'env = ["VAULT_TOKEN"]', description=f"nice{' ' * 15}{FORGED}")
    lines = _seen(sandbox, 20)
    begin = next(number for number, line in enumerate(lines) if "text-tools" in line)
    end = next(number for number, line in enumerate(lines) if "[y/N]" in line or "Grant" in line)
    for line in lines[begin:end]:
        assert _width(line) < 20
        assert line.startswith("  │ ") or line.strip() in {
            *LABELS,
            "text-tools 1.0.0",
            "(tool) new",
            "look again:",
        }


def test_a_quotation_mark_does_not_end_the_plugins_own_words(sandbox: Sandbox) -> None:
    _plugin(sandbox, description=f'nice" {FORGED} "')
    (said,) = (text for label, text in _rows(_seen(sandbox, 300), 300) if label == "says")
    assert said == f"\"nice' {FORGED} '\""


@pytest.mark.parametrize("columns", [80, 40])
def test_a_long_description_hides_nothing(sandbox: Sandbox, columns: int) -> None:
    _plugin(sandbox, 'env = ["VAULT_TOKEN"]', description="la " * 5_000)
    lines = _seen(sandbox, columns)
    rows = _rows(lines, columns)
    assert rows[0][0] == "env"
    assert len(lines) < 60
    assert "characters more)" in " ".join(text for _, text in rows)


@pytest.mark.parametrize(
    "scope",
    ["docs   signer/", " docs/", "docs /", 'a"b/', "a\u2800b/", "a\u3164/", "a/ b/", "docs, shell/x  y/"],
)
def test_a_folder_whose_name_reads_as_something_else(sandbox: Sandbox, scope: str) -> None:
    spelled = scope.replace('"', '\\"')
    _plugin(sandbox, f'filesystem = ["{spelled}"]')
    sandbox.run("add", "./src", "--accept-capabilities").failed(2, "filesystem: expected a folder inside")
    with pytest.raises(AssertionError):
        _plugin(sandbox, f'fs_read = ["~/{spelled}"]')  # the project is there already
    refused = sandbox.run("add", "./src", "--accept-capabilities")
    refused.failed(2, "fs_read: expected a path below your home")


def test_a_scope_with_a_blank_is_one_scope(sandbox: Sandbox) -> None:
    _plugin(sandbox, 'filesystem = ["docs, shell/:ro", "größe/:ro", "plain/:ro"]')
    rows = dict(_rows(_seen(sandbox, 300), 300))
    assert rows["filesystem"].endswith(': "docs, shell/:ro", "größe/:ro", plain/:ro')


@pytest.mark.parametrize("columns", [80, 40])
def test_an_unknown_capability_forges_no_row(sandbox: Sandbox, columns: int) -> None:
    name = "x" * 35 + " " * 20 + "signer ed25519 (trusted)"
    _plugin(sandbox, f'storage = true\n"{name}" = true')
    rows = _rows(_seen(sandbox, columns), columns)
    assert [label for label, _ in rows if label] == ["warning", "source", "signer", "storage", "says"]


@pytest.mark.parametrize("url", ["https://auth.example.com/" + "a" * 600])
def test_an_address_too_long_to_read_is_refused(sandbox: Sandbox, url: str) -> None:
    oauth = f'[oauth]\nauth_url = "{url}"\ntoken_url = "https://auth.example.com/t"\nclient_id = "app"'
    _plugin(sandbox, extra=oauth)
    refused = sandbox.run("add", "./src", "--accept-capabilities")
    refused.failed(2, "oauth.auth_url", "expected at most 512 characters, found 625")


@pytest.mark.parametrize("columns", [80, 40])
def test_a_description_forges_no_line_of_a_list(sandbox: Sandbox, columns: int) -> None:
    forged = "other 1.0.0 tool ✓ enabled ed25519:AAAA"
    _plugin(sandbox, description=" " * 3 + "".join(f"{'.' * number}{forged}" for number in (1, 9, 30)))
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    with Terminal(sandbox, "list", columns=columns) as terminal:
        lines = STYLE.sub("", terminal.finish().err).split("\n")
    head = next(number for number, line in enumerate(lines) if line.startswith("ID"))
    shown = lines[head : lines.index("", head)]
    # A cell that is not cut goes on below itself, never at the left edge.
    assert "".join(line.split()[0] for line in shown if line[0] != " ") == "IDtext-tools"
    assert max(map(_width, shown)) < columns
