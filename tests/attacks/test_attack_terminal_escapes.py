"""What a stranger wrote is shown with every escape spelled out: nothing forges, hides or clears a screen."""

import json

import pytest
from support.sandbox import Result, Sandbox

from attacks.tampering import Studio

EVIL = "\x1b[2J\x1b]0;pwned\x07\x9b1m\u202etxt.exe\u2066\x00\r\ntrusted"
BAD = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00", "\r")


def _clean(*results: Result) -> None:
    for result in results:
        for bad in BAD:
            assert bad not in result.out + result.err, (bad, result)


def _toml(text: str) -> str:
    return json.dumps(text).replace("\x7f", "\\u007f")


def _manifest(key: str, value: str) -> str:
    lines = {"name": '"text-tools"', "version": '"1.0.0"', "type": '"tool"', key: value}
    return "[plugin]\n" + "".join(f"{name} = {text}\n" for name, text in lines.items())


def _add(studio: Studio, manifest: str) -> tuple[Sandbox, Result]:
    """Install it for somebody of their own."""
    studio.user.plugin(studio.folder)
    (studio.folder / "plugin.toml").write_text(manifest)
    studio.commit()
    user = Sandbox(studio.user.root / f"user{len(list(studio.user.root.iterdir()))}")
    user.init()
    return user, user.run(
        "add", f"file://{studio.folder}", "--allow-unsigned", "text-tools", "--accept-capabilities"
    )


@pytest.mark.parametrize("key", ["description", "author", "homepage", "license"])
def test_in_what_an_author_says(studio: Studio, key: str) -> None:
    user, added = _add(studio, _manifest(key, _toml(EVIL)))
    _clean(
        added.ok(),
        user.run("list").ok(),
        user.run("info", "text-tools").ok(),
        user.run("verify").ok(),
    )


def test_in_json_which_may_be_read_at_a_terminal_too(studio: Studio) -> None:
    user, _added = _add(studio, _manifest("description", _toml(EVIL)))
    _clean(user.run("list", "--json").ok(), user.run("info", "text-tools", "--json").ok())


@pytest.mark.parametrize("key", ["name", "version", "type", "wasm", "min_tark_version"])
def test_in_what_is_refused(studio: Studio, key: str) -> None:
    _user, added = _add(studio, _manifest(key, _toml(EVIL)))
    _clean(added.failed(2, f"plugin.toml: plugin.{key}"))


def test_in_a_capability_that_is_refused(studio: Studio) -> None:
    for kind in ("http", "env", "filesystem"):
        _user, added = _add(studio, _manifest("author", '""') + f"[capabilities]\n{kind} = [{_toml(EVIL)}]\n")
        _clean(added.failed(2, "plugin.toml: capabilities"))


def _with_unknown_capability(studio: Studio) -> tuple[Sandbox, Result]:
    return _add(studio, _manifest("author", '""') + f"[capabilities]\n{_toml(EVIL)} = true\n")


def test_in_an_unknown_capability(studio: Studio) -> None:
    user, added = _with_unknown_capability(studio)
    _clean(added.ok(), user.run("list").ok(), user.run("verify").ok())


def test_in_an_unknown_capability_on_the_page_of_info(studio: Studio) -> None:
    user, _added = _with_unknown_capability(studio)
    _clean(user.run("info", "text-tools").ok())


def test_in_a_tag_or_a_branch(studio: Studio) -> None:
    studio.good()
    studio.commit()
    for option in ("--tag", "--branch", "--path"):
        refused = studio.user.run("add", f"file://{studio.folder}", option, EVIL)
        _clean(refused.failed(refused.status))
        assert refused.status == 2


def test_in_a_url(studio: Studio) -> None:
    for text in (f"https://host/{EVIL}", f"https://{EVIL}/x", f"file:///{EVIL}", f"./{EVIL}", EVIL):
        refused = studio.user.run("add", text)
        _clean(refused.failed(refused.status))
        assert refused.status == 2


def test_in_names_on_the_command_line(studio: Studio) -> None:
    for command in ("info", "remove", "update", "disable"):
        _clean(studio.user.run(command, EVIL).failed(2))
    _clean(studio.user.run("grant", "text-tools", EVIL).failed(2))


@pytest.mark.parametrize(
    "toml",
    [
        "[plugins]\ntext-tools = {{ git = {evil} }}\n[trust]\ntext-tools = []\n[grants.text-tools]\nshell = true\n",
        "[plugins]\n{evil} = {{ path = './x' }}\n",
        "[plugins]\nmine = {{ path = {evil} }}\n",
        "[plugins]\nmine = {{ git = 'https://host/x', tag = {evil}, unsigned = true }}\n",
        "[trust]\nmine = [{evil}]\n",
        "[grants.mine]\n{evil} = true\n",
        "[grants.mine]\nhttp = [{evil}]\n",
        "[tark]\nversion = {evil}\n",
        "{evil} = 1\n",
        "[tark]\n{evil} = 1\n",
    ],
)
def test_in_a_tark_toml_from_elsewhere(studio: Studio, toml: str) -> None:
    user = Sandbox(studio.user.root / f"user{len(list(studio.user.root.iterdir()))}")
    (user.cwd / "tark.toml").write_text(toml.format(evil=_toml(EVIL)))
    for command in ("sync", "lock", "verify", "list", "update"):
        _clean(user.run(command))


def test_in_folders_nobody_installed(studio: Studio) -> None:
    user = Sandbox(studio.user.root / f"user{len(list(studio.user.root.iterdir()))}")
    user.init()
    (user.plugins / EVIL.replace("\x00", "").replace("/", "")).mkdir(parents=True)
    for command in ("sync", "verify", "list"):
        _clean(user.run(command))


def test_a_folder_name_of_no_encoding_does_not_hide_the_others(studio: Studio) -> None:
    user, _added = _add(studio, _manifest("author", '""'))
    bad = str(user.plugins) + "/x\udcff"
    try:
        __import__("os").mkdir(bad)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert "text-tools" in user.run("list").ok().out
    assert "text-tools" in user.run("verify").failed(1).out
    assert "text-tools" in user.run("list", "--json").ok().out
    assert "text-tools" in user.run("verify", "--json").failed(1).out


def test_a_server_that_speaks_in_escapes(studio: Studio) -> None:
    from support.gitserver import GitHandler, GitServer

    def say(handler: GitHandler) -> bool:
        handler.reply(
            200, b"001eERR " + EVIL.encode()[:22], {"Content-Type": EVIL.encode().hex() + "\x1b[2J"}
        )
        return True

    with GitServer(studio.user.root / "srv", before=say) as server:
        _clean(studio.user.run("add", server.url("x")).failed(5, "expected a git server"))
