"""What is remembered of verified proofs: of one statement, for one identity."""

from pathlib import Path

import pytest
from support.ci_runs import IDENTITY, IDS, run_of

from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.store import proofs
from tarkpm.store.proofs import Proved, ProvedReleases

BY, OTHER = (CiIdentity.parse(text + IDS) for text in (IDENTITY, IDENTITY.replace("owner/repo", "evil/repo")))
ONE, TWO = Digest("1" * 64), Digest("2" * 64)
FILE = FileEntry.of("plugin.sigstore.json", b"{}")


def remembered(root: Path, statement: Digest = ONE) -> tuple[ProvedReleases, Path]:
    known = ProvedReleases(root)
    before = {*known.folder.glob("*")}
    known.remember(Proved(statement, str(BY), run_of(), FILE))
    (file,) = {*known.folder.glob("*")} - before
    return known, file


def test_a_proof_is_of_one_statement_and_one_identity(tmp_path: Path) -> None:
    known, _ = remembered(tmp_path)
    assert known.find(ONE, BY) == Proved(ONE, str(BY), run_of(), FILE)
    assert known.find(TWO, BY) is None
    assert known.find(ONE, OTHER) is None
    assert known.folder.stat().st_mode & 0o077 == 0


def test_the_name_of_a_file_proves_nothing(tmp_path: Path) -> None:
    known, one = remembered(tmp_path)
    _, two = remembered(tmp_path, TWO)
    two.write_bytes(one.read_bytes())
    assert known.find(TWO, BY) is None
    one.write_bytes(one.read_bytes().replace(b'"version":1', b'"version":2'))
    assert known.find(ONE, BY) is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[" * 5000, b"x" * 20_000])
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes) -> None:
    known, file = remembered(tmp_path)
    file.write_bytes(damage)
    assert known.find(ONE, BY) is None
    remembered(tmp_path / "again")


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "MAX_FILES", 2)
    for digit in "123":
        known, _ = remembered(tmp_path, Digest(digit * 64))
    assert len([*known.folder.iterdir()]) == 2
    assert known.find(Digest("3" * 64), BY) is not None
