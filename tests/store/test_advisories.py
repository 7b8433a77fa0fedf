"""The advisories that a machine remembers."""

from pathlib import Path

from tarkpm.core.advised import IndexAdvisories
from tarkpm.store.advisories import Advisories

ROOT = "sha256:" + "a" * 64
NOW = "2026-11-28T10:00:00Z"
OLD = IndexAdvisories({"a": {"x_A-1": NOW}}, {"x_A-1": b"{}"}, 100, 200, 5)
NEW = IndexAdvisories({"a": {"x_A-1": NOW}, "b": {"x_B-1": NOW}}, {}, 110, 210, 6)


def test_what_was_learned_is_read_again(tmp_path: Path) -> None:
    store = Advisories(tmp_path)
    assert store.read().indexes == {}
    store.remember(ROOT, OLD, 1.0)
    assert store.read().indexes == {ROOT: OLD}
    assert {file.stat().st_mode & 0o777 for file in store.folder.iterdir()} == {0o600}


def test_a_command_that_asked_earlier_does_not_undo_what_another_learned(tmp_path: Path) -> None:
    store = Advisories(tmp_path)
    store.remember(ROOT, NEW, 1.0)
    store.remember(ROOT, OLD, 1.0)
    (known,) = store.read().indexes.values()
    assert (known.listed, known.records, known.checked, known.version) == (NEW.listed, OLD.records, 110, 6)


def test_an_unchanged_list_is_not_written_again(tmp_path: Path) -> None:
    store = Advisories(tmp_path)
    store.remember(ROOT, OLD, 1.0)
    (file,) = store.folder.glob("*.json")
    before = file.stat().st_ino
    store.remember(ROOT, IndexAdvisories(OLD.listed, OLD.records, 300, 400, 5), 1.0)
    assert file.stat().st_ino == before
    assert store.read().indexes[ROOT].checked == 300
