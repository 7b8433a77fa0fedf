"""Keys nobody accepted: unknown, changed, weak, or spelled another way; and the secrets of one's own keys."""

import base64
import json
import stat

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import (
    WEAK_KEYS,
    call,
    commit_as,
    help_of,
    install,
    installed_files,
    replace_in,
    rewrite_statement,
    unchanged,
)


def test_an_unknown_key_is_asked_about_and_the_hint_accepts_it(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    commit = publisher.release()
    sandbox.init()
    with unchanged(sandbox):
        asked = sandbox.run("add", publisher.url, "--tag", "v1.0.0").failed(
            4, f"the signing key of 'text-tools' is not trusted yet: {publisher.key}"
        )
    sandbox.run(*help_of(asked)).ok()
    toml = (sandbox.cwd / "tark.toml").read_text()
    assert f'text-tools = ["{publisher.key}"]' in toml
    assert commit in (sandbox.cwd / "tark.lock").read_text()
    call(sandbox).ok()


@pytest.mark.parametrize("flags", [("-y",), ("--yes", "--accept-capabilities"), ("-y", "--accept-project")])
def test_yes_does_not_accept_a_key(sandbox: Sandbox, publisher: Publisher, flags: tuple[str, ...]) -> None:
    publisher.release()
    sandbox.init()
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, "--tag", "v1.0.0", *flags).failed(4, "is not trusted yet")


def test_trust_in_another_key_is_no_trust_in_this_one(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    other = sandbox.key("other")
    with unchanged(sandbox):
        sandbox.run(
            "add", publisher.url, "--tag", "v1.0.0", "--trust", other, "--accept-capabilities"
        ).failed(3, f"'text-tools' is signed by {publisher.key}, not by a key given with --trust")


def test_a_changed_key_blocks_an_update_until_it_is_accepted(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    old = publisher.key
    good = installed_files(sandbox)
    new = sandbox.key("new")
    publisher.release("1.1.0", sign="new")
    with unchanged(sandbox):
        asked = sandbox.run("update").failed(
            4, f"'text-tools' is signed by a different key: expected {old}, found {new}"
        )
        sandbox.run("update", "-y").failed(4)
        sandbox.run("update", "--trust", old).failed(
            3, f"is signed by {new}, not by a key given with --trust"
        )
    assert installed_files(sandbox) == good
    sandbox.run(*help_of(asked)).ok()
    assert old not in (sandbox.cwd / "tark.toml").read_text()
    publisher.release("1.2.0", sign="release")
    with unchanged(sandbox):
        sandbox.run("update").failed(4, f"signed by a different key: expected {new}, found {old}")
    sandbox.run("verify").ok()


def test_a_weak_key_is_refused_wherever_it_is_read(sandbox: Sandbox, publisher: Publisher) -> None:
    """A signature that holds for any message can be made for each of them."""
    publisher.release()
    install(sandbox, publisher)
    weak = "expected a strong key, found one of small order"

    def envelope(table: dict[str, list[dict[str, str]]]) -> None:
        forged = base64.b64decode(WEAK_KEYS[0].removeprefix("ed25519:")) + bytes(32)
        table["signatures"] = [{"keyid": WEAK_KEYS[0], "sig": base64.b64encode(forged).decode()}]

    rewrite_statement(sandbox, publisher.folder, envelope=envelope)
    commit_as(publisher, "weak")
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, "--tag", "weak", "--accept-capabilities").failed(3, weak)
    for key in WEAK_KEYS:
        with unchanged(sandbox):
            sandbox.run("add", publisher.url, "--tag", "v1.0.0", "--trust", key).failed(2, weak, "--trust")
        for file in ("tark.toml", "tark.lock"):
            good = (sandbox.cwd / file).read_bytes()
            replace_in(sandbox.cwd / file, publisher.key, key)
            with unchanged(sandbox):
                for command in ("sync", "verify", "list"):
                    sandbox.run(command).failed(2, weak, file)
            (sandbox.cwd / file).write_bytes(good)
    sandbox.run("verify").ok()


def _spellings(key: str) -> dict[str, str]:
    body = key.removeprefix("ed25519:")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(body[42]) ^ 1]  # the last two bits of 32 bytes in base64 mean nothing
    other = f"ed25519:{body[:42]}{last}="
    assert base64.b64decode(other[8:]) == base64.b64decode(body)
    return {
        "spare bits": other,
        "unpadded": key.rstrip("="),
        "padded twice": key + "=",
        "leading space": " " + key,
        "trailing space": key + " ",
        "inner space": key.replace(":", ": "),
        "line break": key + "\n",
        "upper-case prefix": key.replace("ed25519", "ED25519"),
        "no prefix": body,
        "hexadecimal": "ed25519:" + base64.b64decode(body).hex(),
        "url-safe": "ed25519:" + base64.urlsafe_b64encode(b"\xfb" * 32).decode(),
    }


def test_a_key_has_one_spelling(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    expected = "expected ed25519: and 44 characters"
    for spelling, other in _spellings(publisher.key).items():
        with unchanged(sandbox):
            sandbox.run("add", publisher.url, "--tag", "v1.0.0", "--trust", other).failed(
                2, expected, "--trust"
            )
        for file in ("tark.toml", "tark.lock"):
            good = (sandbox.cwd / file).read_bytes()
            replace_in(sandbox.cwd / file, json.dumps(publisher.key), json.dumps(other))
            with unchanged(sandbox):
                sandbox.run("sync").failed(2, expected, file)
                call(sandbox).failed(2, expected, file)
            (sandbox.cwd / file).write_bytes(good)

        def envelope(table: dict[str, list[dict[str, str]]], keyid: str = other) -> None:
            table["signatures"][0]["keyid"] = keyid

        rewrite_statement(sandbox, publisher.folder, envelope=envelope)
        tag = f"spelled-{spelling.replace(' ', '-')}"
        commit_as(publisher, tag)
        with unchanged(sandbox):
            sandbox.run("add", publisher.url, "--tag", tag).failed(3, expected)


def test_private_keys_are_for_their_owner_alone(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    private = [sandbox.state / "mac.key", *(sandbox.state / "keys").iterdir()]
    private += (sandbox.state / "projects").iterdir()
    assert len(private) == 5
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in private] == ["0o600"] * 5
    assert stat.S_IMODE((sandbox.state / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((sandbox.state / "projects").stat().st_mode) == 0o700


def test_private_keys_are_never_printed_or_replaced(sandbox: Sandbox, publisher: Publisher) -> None:
    made = sandbox.run("key", "generate", "--name", "release", "--json").ok()
    pem = (sandbox.state / "keys" / "release.pem").read_text()
    secret = "".join(pem.splitlines()[1:-1])
    publisher.key = made.json["public_key"]
    publisher.release()
    install(sandbox, publisher)
    results = [
        made,
        sandbox.run("sign", publisher.folder, "--key", "release", "--json").ok(),
        sandbox.run("key", "generate", "--name", "release").failed(2, "a key named 'release' already exists"),
        sandbox.run("info", "text-tools", "--json").ok(),
        sandbox.run("verify", "--json").ok(),
    ]
    assert not any("PRIVATE" in r.out + r.err or secret in r.out + r.err for r in results)
    assert (sandbox.state / "keys" / "release.pem").read_text() == pem
    for path in [*sandbox.cwd.rglob("*"), *sandbox.store.rglob("*")]:
        assert not path.is_file() or secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "a" * 65, "a\nb"])
def test_a_key_name_is_no_path(sandbox: Sandbox, name: str) -> None:
    with unchanged(sandbox):
        sandbox.run("key", "generate", "--name", name).failed(2, "expected a key name of letters")


def test_a_key_file_that_is_none(sandbox: Sandbox) -> None:
    sandbox.key()
    folder = sandbox.plugin(sandbox.cwd / "mine")
    path = sandbox.state / "keys" / "release.pem"
    for data in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\0" * 100):
        path.chmod(0o600)
        path.write_bytes(data)
        sandbox.run("sign", folder, "--key", "release").failed(2, "the key cannot be read", "release.pem")
    sandbox.run("sign", folder, "--key", "nobody").failed(2, "no key named 'nobody'", "tarkpm key list")
    assert not (folder / "plugin.dsse.json").exists()
