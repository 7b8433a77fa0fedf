"""docs/json.md: what the commands that run plugins print has exactly the keys the page names."""

import re
from pathlib import Path

import pytest
from support.community import Community
from support.guest_flows import install
from support.indexed import IndexedProject
from support.sandbox import PLUGINS, Sandbox
from support.services import Chat, serving

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text()


def documents(command: str) -> list[str]:
    """The documents a command's row shows, as they are written there."""
    rows = [line.split(" | ", 1) for line in PAGE.splitlines() if line.startswith("| ")]
    shown = next(shown for names, shown in rows if f"`{command}`" in names)  # `index` has a `revoke`, too
    return re.findall(r"`(\{.*?\})`", shown)


def keys(document: str) -> set[str]:
    """The keys of an object that is written as on the page, not those of what is in it."""
    found, depth = set(), 0
    without_values = re.sub(r': "[^,}]*', ":", document)
    for token in re.findall(r'[{}\[\]]|"\w+"', without_values):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token, 0)
        if token[0] == '"' and depth == 1:
            found.add(token.strip('"'))
    return found


def row_keys(command: str, name: str) -> set[str]:
    """The keys of the objects in the list ``name`` of a command's document."""
    found = re.search(rf'"{name}": \[(\{{.*?\}})\]', documents(command)[0])
    assert found
    return keys(found[1])


@pytest.fixture
def user(sandbox: Sandbox) -> Sandbox:
    """Somebody with a plugin of each type."""
    for name, kind in (("text-tools", "tool"), ("device-auth", "auth"), ("session-guard", "hook")):
        install(sandbox, name, kind, (PLUGINS / name / "plugin.wasm").read_bytes())
    return sandbox


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("call", ["call", "text-tools", "text-stats", '{"text":""}']),
        ("tools", ["tools"]),
        ("status", ["auth", "status", "device-auth"]),
        ("hook run", ["hook", "run", "session-start"]),
        ("check", ["check", str(PLUGINS / "text-tools")]),
        ("test", ["test", str(PLUGINS / "text-tools")]),
        ("trial", ["trial", str(PLUGINS / "text-tools"), "text-stats", '{"text":""}']),
        ("inspect", ["inspect", str(PLUGINS / "text-tools" / "plugin.wasm")]),
        ("info", ["info", "text-tools"]),
        ("grant", ["grant", "text-tools", "--reset"]),
        ("revoke", ["revoke", "text-tools", "storage"]),
        ("doctor", ["doctor"]),
        ("accept", ["accept", "--print"]),
        ("accepted", ["accepted"]),
        ("log", ["log"]),
        ("rollback", ["rollback"]),
    ],
)
def test_a_document_has_the_keys_of_the_page(user: Sandbox, command: str, arguments: list[str]) -> None:
    result = user.run(*arguments, "--json")
    assert set(result.ok().json) == keys(documents(command)[0])
    if command == "inspect":
        assert all(set(item) == keys(documents(command)[1]) for item in result.json["imports"])


def test_a_chat_has_the_keys_of_the_page(sandbox: Sandbox) -> None:
    with serving(Chat) as service:
        wants = f'http = ["{service.authority}"]\nenv = ["OPENAI_*"]'
        wasm = (PLUGINS / "openai-compat" / "plugin.wasm").read_bytes()
        install(sandbox, "openai-compat", "provider", wasm, wants)
        env = {"OPENAI_BASE_URL": f"http://{service.authority}", "OPENAI_API_KEY": "k"}
        answer, models = map(keys, documents("chat"))
        assert set(sandbox.run("chat", "openai-compat", "hi", "--json", env=env).ok().json) == answer
        assert set(sandbox.run("chat", "openai-compat", "--json", env=env).ok().json) == models


def test_secrets_have_the_keys_of_the_page(sandbox: Sandbox) -> None:
    declared = '[secrets.token]\nhost = "a.example"\nheader = "x-key"'
    sandbox.init()
    sandbox.run(
        "add", sandbox.plugin(sandbox.root / "src", capabilities=declared), "--accept-capabilities"
    ).ok()
    done = sandbox.run("secret", "set", "github", "--json", stdin="0123456789").ok()
    assert set(done.json) == keys(documents("secret set")[0])
    sandbox.run("grant", "text-tools", "secret:token=github").ok()
    listed = sandbox.run("secret", "list", "--json").ok().json
    (document,) = documents("secret list")
    (row,) = listed["secrets"]
    assert set(listed) == keys(document)
    assert set(row) == {"name", "kept", "bound"}
    assert all(f'"{key}"' in document for key in [*row, *row["bound"][0]])
    assert set(sandbox.run("secret", "remove", "github", "--json").ok().json) == set(row)


def test_an_error_has_the_keys_of_the_page(sandbox: Sandbox) -> None:
    error = sandbox.run("call", "./nowhere", "x", "--json").failed(2).json["error"]
    assert set(error) == {"code", "message", "where", "hint", "exit_status"}
    assert '`{"error": {"code", "message", "where", "hint", "exit_status"}}`' in PAGE


def test_what_is_said_of_an_index_has_the_keys_of_the_page(indexed: IndexedProject) -> None:
    indexed.release("text-tools")
    added = indexed.sandbox.run(
        "index", "add", "community", indexed.server.url, "--root", indexed.repo.root_digest, "--json"
    )
    assert set(added.ok().json) == keys(documents("index add")[0])
    indexed.sandbox.run("add", "text-tools").ok()
    indexed.release("text-tools", "1.1.0")
    for command in ("index list", "outdated", "tree"):
        assert set(indexed.sandbox.run(*command.split(), "--json").json) == keys(documents(command)[0])
    assert set(indexed.sandbox.run("search", "text", "--json").ok().json) == keys(documents("search")[0])
    row = indexed.sandbox.run("outdated", "--json").json["plugins"][0]
    assert set(row) == {"name", "locked", "update", "newest", "source", "commit", "warning", "waiting"}


def test_what_keys_and_the_status_of_an_index_print_has_the_keys_of_the_page(sandbox: Sandbox) -> None:
    community = Community(sandbox)
    with community.without_online():
        community.run("claim", "text-tools", "--publisher", community.key("pat"), "--key", "alice").ok()
    status, owner = map(keys, documents("index status"))
    found = community.run("status", "--json").ok().json
    assert set(found) == status
    assert set(found["online"]) == set(found["maintainers"][0]) == owner
    (waiting,) = found["pending"]
    assert set(waiting) == row_keys("index status", "pending")
    assert set(found["roles"][0]) == row_keys("index status", "roles")
    listed = sandbox.run("key", "list", "--json").ok().json
    row = row_keys("key list", "keys")
    assert (set(listed), set(listed["keys"][0])) == (keys(documents("key list")[0]), row)
    assert set(sandbox.run("key", "show", "pat", "--json").ok().json) == row
    assert set(sandbox.run("key", "export", "pat", "--to", "x.pem", "--json").ok().json) == row
    assert set(sandbox.run("key", "import", "x.pem", "--name", "y", "--json").ok().json) == row
