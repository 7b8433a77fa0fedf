"""A pull request, an update or another publisher changes which of the user's secrets goes where: each asks."""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox

from attacks.tampering import call, help_of, replace_in, unchanged

DECLARED = 'storage = true\n[secrets.token]\nhost = "{host}"\nheader = "{header}"\nformat = "{format}"'
PLACE = {"host": "api.github.com", "header": "authorization", "format": "Bearer {}"}
TEXT = "to api.github.com as authorization: Bearer {}"


def declared(**changes: str) -> str:
    return DECLARED.format(**(PLACE | changes))


def secrets_of(sandbox: Sandbox) -> list[str]:
    granted: list[str] = sandbox.run("info", "text-tools", "--json").ok().json["granted"]
    return [text for text in granted if text.startswith("secret:")]


@pytest.fixture
def user(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with two secrets, one of them bound to a plugin."""
    publisher.release(capabilities=declared())
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    for name in ("github", "work"):
        sandbox.run("secret", "set", name, stdin=f"{name}-0123456789").ok()
    sandbox.run("grant", "text-tools", "secret:token=github").ok()
    assert secrets_of(sandbox) == [f"secret:token=github {TEXT}"]
    return sandbox


def test_adding_binds_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    """`--accept-capabilities` accepts that the plugin may ask; which secret it gets is the user's to say."""
    publisher.release(capabilities=declared())
    sandbox.init()
    asked = sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key)
    asked.failed(4, f"'text-tools' asks for: storage, secret:token {TEXT}")
    sandbox.run(*help_of(asked)).ok()
    assert secrets_of(sandbox) == []
    sandbox.run("grant", "text-tools", "--reset").ok()
    assert secrets_of(sandbox) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("token=github", "token=work"),
        ("api.github.com", "evil.example"),
        ("api.github.com", "api.github.com:8443"),
        ("api.github.com", "sub.api.github.com"),
        ("as authorization", "as x-title"),
        ("Bearer {}", "{}"),
    ],
)
def test_a_pull_request_that_binds_something_else(user: Sandbox, old: str, new: str) -> None:
    toml = user.cwd / "tark.toml"
    replace_in(toml, old, new)
    scope = f"token=github {TEXT}".replace(old, new)
    with unchanged(user):
        user.run("sync").failed(4, f"let 'text-tools' use secret:{scope}")
        call(user).failed(4, f"let 'text-tools' use secret:{scope}")
        user.run("grant", "text-tools", "secret:token=work").failed(4)
    replace_in(toml, new if new != "{}" else ": {}", old if new != "{}" else ": Bearer {}")
    call(user).ok()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"token {TEXT}", "secret: expected ID=NAME to HOST as HEADER: FORMAT, found"),
        ("token=github", "secret: expected ID=NAME to HOST as HEADER: FORMAT, found 'token=github'"),
        ("token", "secret: expected ID=NAME to HOST as HEADER: FORMAT, found 'token'"),
        ("token=* to a.example as x-key: {}", "secret: expected ID=NAME"),
        ("token=github to *.github.com as x-key: {}", "secret: expected one host"),
        ("token=github to a.example as host: {}", "secret: the header 'host' cannot carry a secret"),
        ("token=github to a.example as cookie: {}", "secret: the header 'cookie' cannot carry a secret"),
        ("token=github to a.example as x-key: {}{}", "secret: expected one '{}'"),
        ('token=github to a.example as x-key: a", "shell: {}', "secret: expected ID=NAME"),
        (f'token=github {TEXT}", "token=work {TEXT}', "secret: 'token' is bound twice"),
    ],
)
def test_a_binding_that_would_allow_any_secret_or_host(user: Sandbox, text: str, why: str) -> None:
    toml = user.cwd / "tark.toml"
    replace_in(toml, f"token=github {TEXT}", text.replace('a", "shell', 'a\\", \\"shell'))
    with unchanged(user):
        for words in (("sync",), ("call", "text-tools", "text-stats", '{"text":""}'), ("accept", "--print")):
            user.run(*words).failed(2, why)


def test_a_binding_that_was_removed_and_comes_back(user: Sandbox) -> None:
    toml = user.cwd / "tark.toml"
    text = toml.read_text()
    replace_in(toml, f', secret = ["token=github {TEXT}"]', "")
    user.run("sync").ok()
    toml.write_text(text)
    user.run("sync").failed(4, f"let 'text-tools' use secret:token=github {TEXT}")


def test_a_plugin_that_is_renamed(user: Sandbox) -> None:
    toml = user.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace("text-tools", "text-tool"))
    with unchanged(user):
        user.run("sync").failed(4, f"let 'text-tool' use secret:token=github {TEXT}")


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "evil.example"},
        {"host": "api.github.com:444"},
        {"header": "x-title"},
        {"format": "{}"},
    ],
    ids=str,
)
def test_an_update_that_sends_it_elsewhere(
    user: Sandbox, publisher: Publisher, changes: dict[str, str]
) -> None:
    """The same publisher, the same key: asked about, and afterwards bound to nothing."""
    publisher.release("1.1.0", capabilities=declared(**changes))
    with unchanged(user):
        asked = user.run("update", "-y").failed(
            4, "'text-tools' asks for more than was granted: secret:token"
        )
    assert secrets_of(user) == [f"secret:token=github {TEXT}"]
    user.run(*help_of(asked)).ok()
    assert secrets_of(user) == []
    user.run("verify").ok()


def test_an_update_that_changes_nothing_about_it(user: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.1.0", capabilities=declared())
    user.run("update", "-y").ok()
    assert secrets_of(user) == [f"secret:token=github {TEXT}"]


def test_a_pull_request_that_selects_such_a_release(user: Sandbox, publisher: Publisher) -> None:
    """Another release of the same publisher needs no question, and gets no secret that was bound for this one."""
    before = (user.cwd / "tark.lock").read_text()
    publisher.release("1.1.0", capabilities=declared(host="evil.example"))
    user.run("update", "-y", "--accept-capabilities").ok()
    lock = (user.cwd / "tark.lock").read_text()
    (user.cwd / "tark.lock").write_text(before)
    user.run("sync").ok()
    user.run("grant", "text-tools", "secret:token=github").ok()

    (user.cwd / "tark.lock").write_text(lock)
    user.run("sync").ok()
    assert secrets_of(user) == []
    user.run("verify").failed(1, "tark.toml grants undeclared capabilities: secret:token=github")


def test_another_publisher_at_the_same_place(user: Sandbox, publisher: Publisher) -> None:
    """A key that is accepted brings its own publisher, as with stored data: what was bound is not carried over."""
    publisher.release("1.1.0", sign="evil", capabilities=declared())
    key = publisher.key
    user.run("update", "-y").failed(4, "is signed by a different key")
    user.run("update", "-y", "--trust", key).ok()
    assert secrets_of(user) == []
    user.run("grant", "text-tools", "secret:token=github").ok()


def test_a_plugin_of_the_same_name_from_another_place(user: Sandbox) -> None:
    """The user takes it, in place of the former one: it declares the same, and is bound to nothing."""
    folder = user.plugin(user.root / "stranger", capabilities=declared())
    with unchanged(user):
        asked = user.run("add", folder).failed(4)
    user.run(*help_of(asked)).ok()
    assert "secret" not in (user.cwd / "tark.toml").read_text()
    assert secrets_of(user) == []


def test_a_dependency_of_that_name(indexed: IndexedProject) -> None:
    """A plugin needs another, which declares a secret: nothing is bound, whatever its card was answered."""
    user = indexed.sandbox
    indexed.use()
    indexed.release("helper", more=f"[capabilities]\n{declared()}")
    indexed.release("text-tools", more='[dependencies]\nhelper = "1"')
    user.run("secret", "set", "helper", stdin="helper-0123456789").ok()
    asked = user.run("add", "text-tools").failed(4, f"secret:token {TEXT}")
    assert "can use a secret of yours" in asked.err
    user.run(*help_of(asked)).ok()
    assert "secret" not in (user.cwd / "tark.toml").read_text()
    user.run("grant", "helper", "secret:token=helper").ok()
    indexed.release("helper", "1.1.0", more=f"[capabilities]\n{declared(host='evil.example')}")
    user.run("update", "-y").failed(
        4, "'helper' asks for more than was granted: secret:token to evil.example"
    )
    user.run("update", "--accept-capabilities", "-y").ok()
    assert "secret" not in (user.cwd / "tark.toml").read_text()


def test_a_pull_request_that_brings_another_key(user: Sandbox, publisher: Publisher) -> None:
    first = publisher.key
    publisher.release("1.1.0", sign="evil", capabilities=declared())
    replace_in(user.cwd / "tark.toml", first, publisher.key)
    with unchanged(user):
        user.run("sync").failed(
            4,
            f"trust {publisher.key} for 'text-tools' (before: {first})",
            f"let 'text-tools' use secret:token=github {TEXT}",
        )


@pytest.mark.parametrize("by", ["lock", "update"])
def test_another_key_after_a_pull_request_that_trusted_none(
    user: Sandbox, publisher: Publisher, by: str
) -> None:
    """Between two pull requests nobody may sign it, so the next key would seem to be the first one."""
    toml = user.cwd / "tark.toml"
    replace_in(toml, f'text-tools = ["{publisher.key}"]\n', "")
    user.run("revoke", "text-tools", "storage").ok()
    publisher.release("1.1.0", sign="evil", capabilities=declared())
    if by == "update":
        (user.cwd / "tark.lock").write_text("version = 2\n")
        user.run("update", "--trust", publisher.key, "--accept-capabilities").ok()
        assert secrets_of(user) == []
    else:
        other = Sandbox(user.root / "other")
        other.init()
        add = ("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities")
        other.run(*add).ok()
        shutil.copy(other.cwd / "tark.lock", user.cwd)
        replace_in(toml, "[trust]\n", f'[trust]\ntext-tools = ["{publisher.key}"]\n')
        user.run("sync").failed(4, f"let 'text-tools' use secret:token=github {TEXT}")
        user.run("sync", "--accept-project").failed(4, "binds no secrets without a digest")


def test_a_plugin_that_somebody_put_there_by_hand(sandbox: Sandbox) -> None:
    """Agreeing to its contents binds no secret; a pull that binds one asks for both, the project and the plugin."""
    sandbox.init()
    sandbox.run("add", sandbox.plugin(sandbox.root / "other", name="other"), "--accept-capabilities").ok()
    sandbox.run("secret", "set", "github", stdin="github-0123456789").ok()
    sandbox.plugin(sandbox.plugins / "text-tools", capabilities=declared())
    call(sandbox).failed(4, "--accept-unmanaged text-tools")
    words = ("call", "text-tools", "text-stats", '{"text":""}')
    sandbox.run(*words, "--accept-unmanaged", "text-tools").ok()
    call(sandbox).ok()
    replace_in(
        sandbox.cwd / "tark.toml",
        "[grants]\n",
        f'[grants]\ntext-tools = {{ secret = ["token=github {TEXT}"] }}\n',
    )
    call(sandbox).failed(4, f"let 'text-tools' use secret:token=github {TEXT}")
    sandbox.run(*words, "--accept-project").failed(4, "binds no secrets without a digest")
    digest = sandbox.run("accept", "--print", "--json").ok().json["digest"]
    sandbox.run("accept", f"--accept-project={digest}").ok()
    sandbox.run(*words).failed(4, "--accept-unmanaged text-tools")


def clone_of(user: Sandbox) -> Path:
    clone = user.root / "clone"
    clone.mkdir()
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(user.cwd / name, clone / name)
    return clone


@pytest.mark.parametrize("command", [("sync",), ("accept",), ("lock",), ("update",), ("tools",), ("list",)])
def test_a_job_that_accepts_everything_binds_nothing(user: Sandbox, command: tuple[str, ...]) -> None:
    """A branch names a secret of whoever runs the job. Only a digest accepts that, of exactly these decisions."""
    clone = clone_of(user)
    said = (
        f"--accept-project binds no secrets without a digest: let 'text-tools' use secret:token=github {TEXT}"
    )
    for how in ({"env": {"TARKPM_ACCEPT_PROJECT": "1"}}, {}):
        words = command if how else (*command, "--accept-project")
        done = user.run(*words, cwd=clone, **how)  # type: ignore[arg-type]
        if command == ("list",):
            done.ok()  # it needs no acceptance, and gives none
        else:
            done.failed(4, said, "help: tarkpm accept --print")
    assert not (clone / ".tark" / "plugins" / "text-tools").exists()
    user.run("accept", "--print", cwd=clone).failed(0, f"use secret:token=github {TEXT}")
    digest = user.run("accept", "--print", "--json", cwd=clone).ok().json["digest"]
    user.run("sync", f"--accept-project={digest}", cwd=clone).ok()
    # Accepted once, it is no longer new.
    user.run("sync", "--accept-project", cwd=clone).ok()


@pytest.mark.parametrize(
    "host",
    [
        "api.github.com.evil.example",
        "api.github.com@evil.example",
        "api.github.com.",
        "api.github.com/",
        "api.github.com#",
        "api.github.com:443@evil.example",
        "api.github.com\\u202e",
        "api.github.com\\u0000",
        "\\u0430pi.github.com",
        "api.github.c\\u043em",
        "API.GITHUB.COM.evil.example",
        "private:api.github.com",
        "127.0.0.1",
        "[::1]",
    ],
)
def test_a_host_that_looks_like_the_accepted_one(user: Sandbox, host: str) -> None:
    replace_in(user.cwd / "tark.toml", "api.github.com", host)
    with unchanged(user):
        done = call(user)
        assert done.status in (2, 4), done
        assert done.err.isascii(), done
        user.run("sync", "--accept-project").failed(done.status if done.status == 2 else 4)


def test_a_spelling_of_the_same_host_binds_the_same(user: Sandbox) -> None:
    replace_in(user.cwd / "tark.toml", "api.github.com", "API.github.com:443")
    call(user).ok()
    assert secrets_of(user) == [f"secret:token=github {TEXT}"]


def test_what_was_unbound_is_asked_about_by_a_rollback(user: Sandbox) -> None:
    user.run("revoke", "text-tools", "secret:token").ok()
    with unchanged(user):
        asked = user.run("rollback").failed(4, f"let 'text-tools' use secret:token=github {TEXT}")
        user.run("rollback", "--accept-project").failed(4, "binds no secrets without a digest")
    assert secrets_of(user) == []
    user.run(*help_of(asked)).ok()  # it names the digest of that generation
    assert secrets_of(user) == [f"secret:token=github {TEXT}"]


def test_a_folder_of_the_project_that_moves_its_secret(sandbox: Sandbox) -> None:
    """Its code is the project's own and may change; where the secret goes may not, in either file or in both."""
    sandbox.init()
    folder = sandbox.plugin(sandbox.cwd / "src", capabilities=declared())
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    sandbox.run("secret", "set", "github", stdin="github-0123456789").ok()
    sandbox.run("grant", "text-tools", "secret:token=github").ok()
    sandbox.plugin(folder, capabilities=declared(host="evil.example"))
    sandbox.run("sync").ok()
    assert secrets_of(sandbox) == []
    replace_in(sandbox.cwd / "tark.toml", "api.github.com", "evil.example")
    for words in (("sync",), ("lock",), ("update",), ("call", "text-tools", "text-stats", '{"text":""}')):
        sandbox.run(*words).failed(4, "let 'text-tools' use secret:token=github to evil.example")
        sandbox.run(*words, "--accept-project").failed(4, "binds no secrets without a digest")
