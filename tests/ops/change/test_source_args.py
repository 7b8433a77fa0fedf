"""Sources as people type them."""

from pathlib import Path

import pytest

from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, PathSource, PluginName
from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.change.source_args import GitRef, SourceArg, UsageError, read_source_args
from tarkpm.ops.project.settings import Settings

ROOT = "sha256:" + "a" * 64


def one(settings: Settings, text: str, **options: str) -> SourceArg:
    _, (arg,) = read_source_args(settings, [text], GitRef(**options))
    return arg


@pytest.mark.parametrize(
    ("text", "options", "source"),
    [
        ("https://git.example/x.git", {}, GitSource("https://git.example/x.git")),
        ("https://git.example/x.git", {"tag": "v1"}, GitSource("https://git.example/x.git", tag="v1")),
        ("github:owner/repo", {}, GitSource("https://github.com/owner/repo")),
        ("github:owner/repo/a/b", {}, GitSource("https://github.com/owner/repo", path="a/b")),
        ("github:owner/repo/a", {"path": "c"}, GitSource("https://github.com/owner/repo", path="c")),
        ("git@git.example:owner/repo.git", {}, GitSource("git@git.example:owner/repo.git")),
    ],
)
def test_a_repository(settings: Settings, text: str, options: dict[str, str], source: GitSource) -> None:
    assert one(settings, text, **options).source == source


def test_a_folder_is_relative_to_the_project(settings: Settings, tmp_path: Path) -> None:
    (settings.cwd / "tark.toml").write_text("")
    (settings.cwd / "mine").mkdir()
    (tmp_path / "other").mkdir()
    assert one(settings, "./mine").source == PathSource("./mine")
    assert one(settings, ".").source == PathSource(".")
    assert one(settings, "../other").source == PathSource("../other")
    assert one(settings, str(tmp_path / "other")).source == PathSource(str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("text", "index", "name", "range_"),
    [
        ("calc", "", "calc", ""),
        ("Calc", "", "calc", ""),
        ("community:calc", "community", "calc", ""),
        ("calc@^1.2", "", "calc", "^1.2"),
        ("community:calc@*", "community", "calc", "*"),
        ("calc@1.1.0", "", "calc", "=1.1.0"),
        ("calc@1.1.0-rc.x", "", "calc", "=1.1.0-rc.x"),
        ("calc@1.1.0+b", "", "calc", "=1.1.0+b"),
        ("calc@1.1", "", "calc", "=1.1"),
        ("calc@1", "", "calc", "=1"),
        ("calc@=1.1.0", "", "calc", "=1.1.0"),
        ("calc@~1.1", "", "calc", "~1.1"),
        ("calc@1.x", "", "calc", "1.x"),
        ("calc@>=1.1, <2", "", "calc", ">=1.1, <2"),
        ("calc@1.1,<2", "", "calc", "=1.1, <2"),
    ],
)
def test_a_name(settings: Settings, text: str, index: str, name: str, range_: str) -> None:
    assert one(settings, text) == SourceArg(None, index, PluginName(name), range_)


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["https://git.example/x", "https://git.example/y"], {"tag": "v1"}),
        (["https://git.example/x"], {"tag": "v1", "branch": "main"}),
        (["https://git.example/x"], {"rev": "abc"}),
        (["./here"], {"tag": "v1"}),
        (["calc"], {"path": "x"}),
        (["community:"], {}),
        (["what/is/this"], {}),
        (["calc@nonsense"], {}),
        (["https://git.example/x"], {"path": "../.."}),
        (["ext::sh -c id"], {}),
        (["https://git.example/a\nb"], {}),
    ],
)
def test_what_does_not_fit_is_an_error(settings: Settings, texts: list[str], options: dict[str, str]) -> None:
    with pytest.raises(TarkError):
        read_source_args(settings, texts, GitRef(**options))


def test_a_login_is_kept_apart_from_the_source(settings: Settings) -> None:
    changed, (arg,) = read_source_args(settings, ["https://user:s3cret@git.example/x.git"])
    assert arg.source == GitSource("https://git.example/x.git")
    assert list(changed.logins) == ["https://git.example/x.git"]
    assert "s3cret" not in repr(arg)


def test_a_name_is_looked_up_in_the_one_index_there_is() -> None:
    one_index = Project.parse(f'[index.a]\nurl = "https://a.example"\nroot = "{ROOT}"\n'.encode())
    two = Project.parse(
        f'[index.a]\nurl = "https://a.example"\nroot = "{ROOT}"\n'
        f'[index.b]\nurl = "https://b.example"\nroot = "{ROOT}"\n'.encode()
    )
    arg = SourceArg(None, "", PluginName("calc"), "")
    assert arg.request(one_index).source == IndexSource("a", ROOT)
    with pytest.raises(UsageError, match="'calc' is ambiguous: this project has several indexes: a, b"):
        arg.request(two)
    with pytest.raises(NotFound, match="this project has no index to find the plugin 'calc' in"):
        arg.request(Project())
    with pytest.raises(NotFound, match="this project has no index 'c'"):
        SourceArg(None, "c", PluginName("calc"), "").request(one_index)
