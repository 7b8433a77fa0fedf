"""`tarkpm key`: list, show, export and import, as somebody moves to another machine, or sets up a forge."""

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from support.sandbox import Result, Sandbox
from support.terminal import Terminal

SECRET = {"TARKPM_KEY_PASSPHRASE": "correct horse"}


@pytest.fixture
def other(tmp_path: Path) -> Sandbox:
    """Another machine of the same person."""
    return Sandbox(tmp_path / "other")


def pem(sandbox: Sandbox, name: str = "release") -> str:
    return (sandbox.state / "keys" / f"{name}.pem").read_text()


def never_printed(secret: str, *results: Result) -> None:
    """No line of a private key is in any output."""
    for result in results:
        assert not any(line in result.out + result.err for line in secret.splitlines()), result


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_key_the_list_names_the_first_step(sandbox: Sandbox) -> None:
    said = sandbox.run("key", "list").ok().out
    assert said.startswith("There are no keys.")
    assert sandbox.run("key", "list", "--json").ok().json == {"keys": []}
    assert not sandbox.state.exists(), "looking makes nothing"


def test_keys_are_listed_and_shown(sandbox: Sandbox) -> None:
    public = sandbox.key("release")
    sandbox.run("key", "generate", "--name", "safe", "--passphrase", env=SECRET).ok()
    bob = "ed25519:gPMd6MO+vdjdjCPDDJkJ5uXxqzCTpFgSiIPSCYrOdPc="
    sandbox.run("key", "import", bob, "--name", "bob").ok()
    listed = sandbox.run("key", "list").ok()
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [
        ["bob", "public"],
        ["release", "private"],
        ["safe", "encrypted"],
    ]
    rows = {row["name"]: row for row in sandbox.run("key", "list", "--json").ok().json["keys"]}
    assert rows["bob"]["public_key"] == bob
    shown = sandbox.run("key", "show", "release").ok()
    assert shown.out.splitlines()[0] == public
    assert sandbox.run("key", "show", "release", "--json").ok().json == rows["release"]
    safe = sandbox.run("key", "show", "safe").ok()
    assert "private key with a passphrase" in safe.out
    never_printed(pem(sandbox), listed, shown, safe)
    never_printed(pem(sandbox, "safe"), listed, shown, safe)


def test_an_encrypted_key_without_its_public_half_is_shown_for_its_passphrase(sandbox: Sandbox) -> None:
    made = sandbox.run("key", "generate", "--name", "safe", "--passphrase", env=SECRET).ok().out.strip()
    (sandbox.state / "keys" / "safe.pub").unlink()
    assert "safe  encrypted  ?" in sandbox.run("key", "list").ok().out
    assert sandbox.run("key", "show", "safe", env=SECRET).ok().out.splitlines()[0] == made
    sandbox.run("key", "show", "safe").failed(2, "the key 'safe' has a passphrase", "TARKPM_KEY_PASSPHRASE")


@pytest.mark.parametrize("protected", [False, True])
def test_a_key_moves_to_another_machine(sandbox: Sandbox, other: Sandbox, protected: bool) -> None:
    extra = ("--passphrase",) if protected else ()
    public = sandbox.run("key", "generate", "--name", "release", *extra, env=SECRET).ok().out.strip()
    file = other.root / "backup.pem"
    exported = sandbox.run("key", "export", "release", "--to", file).ok()
    assert mode(file) == 0o600
    assert ("not encrypted" in exported.err) is not protected
    imported = other.run("key", "import", file, "--name", "mine", env=SECRET if protected else {}).ok()
    assert imported.out == f"imported mine: {public}\n"
    never_printed(file.read_text(), exported, imported)
    assert mode(other.state / "keys" / "mine.pem") == mode(other.state / "keys" / "mine.pub") == 0o600
    assert mode(other.state / "keys") == 0o700
    assert ("ENCRYPTED" in pem(other, "mine")) is protected
    folder = other.plugin(other.cwd / "text-tools")
    assert public in other.run("sign", folder, "--key", "mine", env=SECRET).ok().out


def test_the_file_is_the_users_alone_whatever_the_umask(sandbox: Sandbox) -> None:
    sandbox.key()
    line = "umask 0; exec tarkpm key export release --to out.pem"
    env = sandbox.environment() | {"PATH": f"{Path(__import__('sys').executable).parent}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", line], cwd=sandbox.cwd, env=env, check=True, capture_output=True)
    assert mode(sandbox.cwd / "out.pem") == 0o600


def test_a_passphrase_is_added_on_the_way_out_and_in(sandbox: Sandbox, other: Sandbox) -> None:
    public = sandbox.key()
    sandbox.run("key", "export", "release", "--to", "safe.pem", "--passphrase", env=SECRET).ok()
    file = sandbox.cwd / "safe.pem"
    assert "ENCRYPTED" in file.read_text()
    assert "ENCRYPTED" not in pem(sandbox), "the key itself stays as it is"
    again = other.run("key", "import", file, "--name", "a", "--passphrase", env=SECRET)
    again.failed(2, "the key has a passphrase already", "omit --passphrase")
    other.run("key", "import", file, "--name", "a", env=SECRET).ok()
    sandbox.run("key", "export", "release", "--to", "plain.pem").ok()
    plain = sandbox.cwd / "plain.pem"
    other.run("key", "import", plain, "--name", "b", "--passphrase", env=SECRET).ok()
    assert "ENCRYPTED" in pem(other, "b")
    assert [row["public_key"] for row in other.run("key", "list", "--json").json["keys"]] == [public, public]
    other.run("key", "export", "b", "--to", "x", "--passphrase", env=SECRET).failed(
        2, "has a passphrase already"
    )


def test_a_key_comes_from_standard_input_as_in_a_ci_job(sandbox: Sandbox, other: Sandbox) -> None:
    public = sandbox.key("online")
    secret = pem(sandbox, "online")
    done = other.run("key", "import", "-", "--name", "online", stdin=secret).ok()
    assert public in done.out
    never_printed(secret, done)
    other.run("key", "import", "-", "--name", "more", stdin="x" * 20_000).failed(2, "more than 16,384 bytes")
    crlf = secret.replace("\n", "\r\n")
    other.run("key", "import", "-", "--name", "pasted", stdin=crlf).ok()
    other.run("key", "import", "-", "--name", "none", stdin="").failed(
        2, "found an empty file", "standard input"
    )


def _private(
    key: "rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey", how: PrivateFormat
) -> str:
    return key.private_bytes(Encoding.PEM, how, NoEncryption()).decode()


def _formats() -> dict[str, tuple[str, str]]:
    """Files that people have, and what is said of each."""
    key = ed25519.Ed25519PrivateKey.generate()
    curve = ec.generate_private_key(ec.SECP256R1())
    good = _private(key, PrivateFormat.PKCS8)
    lines = good.splitlines()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {
        "openssh": (_private(key, PrivateFormat.OpenSSH), "found -----BEGIN OPENSSH PRIVATE KEY-----"),
        "public": (public, "found -----BEGIN PUBLIC KEY-----"),
        "ssh public": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@home\n", "found no PEM block"),
        "sec1": (_private(curve, PrivateFormat.TraditionalOpenSSL), "found -----BEGIN EC PRIVATE KEY-----"),
        "curve": (_private(curve, PrivateFormat.PKCS8), "expected an ed25519 key, found EC"),
        "cut": ("\n".join([lines[0], lines[1][:31], lines[2]]), "the file is damaged"),
        "half": (good[: len(good) // 2], "found no PEM block"),
        "empty": ("\n", "found an empty file"),
        "one line": (good.replace("\n", " "), "found no PEM block"),
    }


FORMATS = _formats()


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_another_format_is_named(sandbox: Sandbox, name: str) -> None:
    text, said = FORMATS[name]
    (sandbox.cwd / "key.pem").write_text(text)
    refused = sandbox.run("key", "import", "key.pem", "--name", "mine").failed(2, said, "key.pem")
    never_printed("\n".join(line for line in text.splitlines()[1:-1] if line), refused)
    assert not (sandbox.state / "keys" / "mine.pem").exists()


def test_a_missing_or_wrong_passphrase_is_named(sandbox: Sandbox, other: Sandbox) -> None:
    sandbox.run("key", "generate", "--name", "release", "--passphrase", env=SECRET).ok()
    (other.cwd / "key.pem").write_text(pem(sandbox))
    words = ("key", "import", "key.pem", "--name", "mine")
    other.run(*words).failed(2, "the key 'mine' has a passphrase", "set TARKPM_KEY_PASSPHRASE")
    other.run(*words, env={"TARKPM_KEY_PASSPHRASE": "wrong"}).failed(2, "the passphrase is wrong", "key.pem")
    folder = sandbox.plugin(sandbox.cwd / "mine")
    sandbox.run("sign", folder, "--key", "release").failed(2, "has a passphrase", "TARKPM_KEY_PASSPHRASE")
    wrong = sandbox.run("sign", folder, "--key", "release", env={"TARKPM_KEY_PASSPHRASE": "wrong"})
    wrong.failed(2, "the passphrase is wrong", "release.pem")
    assert not list((other.home).rglob("*.pem"))


def test_a_passphrase_is_typed_at_a_terminal(sandbox: Sandbox, other: Sandbox) -> None:
    sandbox.run("key", "generate", "--name", "release", "--passphrase", env=SECRET).ok()
    (other.cwd / "key.pem").write_text(pem(sandbox))
    with Terminal(other, "key", "import", "key.pem", "--name", "mine") as terminal:
        terminal.expect("Passphrase of mine")
        terminal.type("correct horse\n")
        assert "correct horse" not in terminal.finish().ok().err


def test_nothing_is_replaced(sandbox: Sandbox) -> None:
    sandbox.key("release")
    before = pem(sandbox)
    (sandbox.cwd / "taken.pem").write_text("mine")
    sandbox.run("key", "export", "release", "--to", "taken.pem").failed(2, "the file exists already")
    sandbox.run("key", "export", "release", "--to", "/dev/stdout").failed(2, "the file exists already")
    sandbox.run("key", "export", "release", "--to", "no/where.pem").failed(2, "the folder does not exist")
    assert (sandbox.cwd / "taken.pem").read_text() == "mine"
    sandbox.run("key", "export", "release", "--to", "copy.pem").ok()
    sandbox.run("key", "import", "copy.pem", "--name", "release").failed(
        2, "a key named 'release' already exists"
    )
    public = sandbox.run("key", "show", "release").out.split()[0]
    sandbox.run("key", "import", public, "--name", "release").failed(2, "already exists")
    sandbox.run("key", "import", public, "--name", "label").ok()
    sandbox.run("key", "generate", "--name", "label").failed(2, "a key named 'label' already exists")
    assert pem(sandbox) == before


def test_a_public_key_signs_nothing_and_is_not_exported(sandbox: Sandbox, other: Sandbox) -> None:
    sandbox.run("key", "import", other.key(), "--name", "them").ok()
    folder = sandbox.plugin(sandbox.cwd / "mine")
    for words in (("sign", folder, "--key", "them"), ("key", "export", "them", "--to", "x.pem")):
        sandbox.run(*words).failed(2, "'them' is a public key: its private half is not on this machine")
    sandbox.run("key", "import", "ed25519:AAAA", "--name", "bad").failed(2, "44 characters of base64")
    sandbox.run("key", "import", other.key("b"), "--name", "c", "--passphrase").failed(
        2, "a public key has no passphrase"
    )


@pytest.mark.parametrize("words", [("show", "nobody"), ("export", "nobody", "--to", "x")])
def test_an_unknown_key(sandbox: Sandbox, words: tuple[str, ...]) -> None:
    sandbox.run("key", *words).failed(
        2, "there is no key named 'nobody'", "tarkpm key generate --name nobody"
    )
    sandbox.run("key", "import", "nowhere.pem", "--name", "x").failed(2, "the file does not exist")


def test_the_state_folder_is_where_the_variable_says(sandbox: Sandbox) -> None:
    moved = sandbox.root / "elsewhere"
    env = {"TARKPM_STATE_DIR": str(moved)}
    sandbox.run("key", "generate", "--name", "release", env=env).ok()
    assert (moved / "keys" / "release.pem").exists()
    assert not sandbox.state.exists()
    assert sandbox.run("key", "list", "--json", env=env).ok().json["keys"][0]["path"].startswith(str(moved))
    sandbox.run("init", "--tark-version", "0.12.6", env=env).ok()
    assert sandbox.run("doctor", "--json", env=env).json["state"] == str(moved)


@pytest.mark.parametrize(
    ("value", "found"), [("state", "'state'"), ("~/state", "'~/state'"), ("", "an empty string")]
)
def test_a_state_folder_that_is_no_absolute_path(sandbox: Sandbox, value: str, found: str) -> None:
    """The XDG variables are ignored then, as their specification says; this one is not."""
    for words in (("list",), ("key", "generate", "--name", "x"), ("sync",)):
        sandbox.run(*words, env={"TARKPM_STATE_DIR": value}).failed(
            2, f", found {found}", "where: TARKPM_STATE_DIR"
        )
    assert not sandbox.state.exists()
