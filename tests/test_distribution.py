"""What the sdist and the wheel hold: the program and its documents, and nothing that lies beside them."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MADE = {"PKG-INFO", "pyproject.toml", ".gitignore"}
"""What the build backend always adds."""
SHIPPED = ("tarkpm", "wit", "plugins/c/tark.h", "README.md", "LICENSE")
STRAY = (
    "notes/README.md",
    "plugins/mine/LICENSE",
    "plugins/mine/tarkpm/keys/release.pem",
    "tests/guests/wit/world.wit",
    "README.md.orig",
    ".env",
)


def tracked(*places: str) -> set[str]:
    """The files of the checkout that belong to the project, below these places."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *places]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


def build(what: str, source: Path, to: Path) -> Path:
    """Call a hook of the build backend (PEP 517) in a process of its own, as a frontend does; no network."""
    script = f"import hatchling.build as b, sys; print(b.{what}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(to)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return to / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of a checkout in which stray files lie about, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    source = folder / "checkout"
    for name in tracked(*SHIPPED, "pyproject.toml", ".gitignore", "index"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    for name in STRAY:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("stray")
    with tarfile.open(build("build_sdist", source, folder)) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (inside,) = (folder / "unpacked").iterdir()
    return inside


def test_an_sdist_holds_the_program_and_nothing_else(sdist: Path) -> None:
    found = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    assert found == tracked(*SHIPPED) | MADE


def test_the_wheel_of_an_sdist_holds_the_package(sdist: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build("build_wheel", sdist, tmp_path)) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "installed")
    interfaces = {f"tarkpm/{name}" for name in tracked("wit")} | {"tarkpm/c/tark.h"}
    assert names == tracked("tarkpm") | interfaces
    command = [sys.executable, "-m", "tarkpm", "wit", "out", "--c"]
    subprocess.run(command, cwd=tmp_path / "installed", check=True, capture_output=True)
    written = {path.name: path.read_bytes() for path in (tmp_path / "installed" / "out").iterdir()}
    assert written == {
        Path(name).name: (ROOT / name).read_bytes() for name in tracked("wit", "plugins/c/tark.h")
    }
