"""docs/assurance.md: every command that it names can be typed, and demonstrates something that exists."""

import re
import sys
from pathlib import Path

import pytest

import dev
from assurance.__main__ import PARTS
from assurance.faults import table
from assurance.faults.injector import KINDS
from assurance.faults.scenes import SCENES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "assurance.md").read_text()
COMMANDS = sorted(set(re.findall(r"python3 dev\.py ([^`#\n]+)", PAGE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_exists(command: str) -> None:
    verb, *words = command.split()
    assert verb in dev.COMMANDS
    if verb == "test":
        missing = [word for word in words if not word.startswith("--") and not list(ROOT.glob(word))]
        assert missing == []
    if verb == "soak":
        assert set(words[:1]) - {"--quick"} <= set(PARTS)


def test_every_promise_names_its_command() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", PAGE.partition("## Promises")[2].partition("\n## ")[0], re.M)
    promises = [row for row in rows if row[0] != "promise"]
    assert len(promises) > 10
    assert [promise for promise, shown in promises if not shown.startswith("`python3 dev.py ")] == []


def test_every_rule_and_every_attack_has_a_promise() -> None:
    rules = (ROOT / "docs" / "trust-rules.md").read_text()
    assert [
        number for number in re.findall(r"^## Rule (\d+)", rules, re.M) if f"(rule {number})" not in PAGE
    ] == []
    shown = {path for word in re.findall(r"tests/attacks/[\w*.]+", PAGE) for path in ROOT.glob(word)}
    attacks = (ROOT / "tests" / "attacks").glob("test_attack_*.py")
    assert [path.name for path in attacks if path not in shown and path.name not in rules] == []


def test_every_part_of_the_soak_is_on_the_page() -> None:
    for part in PARTS:
        assert f"python3 dev.py soak {part}" in PAGE


@pytest.mark.skipif(sys.platform != "linux", reason="the preload is for Linux")
def test_a_sample_of_the_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole is `python3 dev.py soak faults`."""
    status = table.run(stride=31, scenes=["revoke"], jobs=1)
    said = capsys.readouterr().out
    assert status == 0, said
    for kind in KINDS:
        assert kind.name in said
    assert f"\n{len(SCENES)} commands run" in PAGE
    assert set(SCENES) > {"add", "update", "sync", "remove", "key generate", "index accept"}
