"""Where a signing key's passphrase is from."""

import pytest

from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.errors import TarkError

from .conftest import Streams


def test_a_variable_is_enough(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = streams(terminal=True)
    monkeypatch.setenv("TARKPM_KEY_PASSPHRASE", "päss")
    assert ask_passphrase("release", new=True) == "päss".encode()
    assert err.shown == ""


@pytest.mark.parametrize(("new", "needs"), [(True, "needs"), (False, "has")])
def test_without_a_terminal_nobody_waits(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, new: bool, needs: str
) -> None:
    streams(stdin="guess\n")
    monkeypatch.delenv("TARKPM_KEY_PASSPHRASE", raising=False)
    with pytest.raises(TarkError, match=f"the key {needs} a passphrase") as caught:
        ask_passphrase(new=new)
    assert "TARKPM_KEY_PASSPHRASE" in caught.value.hint


@pytest.mark.parametrize("terminal", [True, False])
def test_an_empty_variable_is_an_error(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    """A missing secret of a CI system leaves one: it is neither a passphrase nor a reason to ask."""
    streams(terminal=terminal)
    monkeypatch.setenv("TARKPM_KEY_PASSPHRASE", "")
    with pytest.raises(TarkError, match="expected a value, found an empty string") as caught:
        ask_passphrase("release", new=True)
    assert (caught.value.where, caught.value.hint) == ("TARKPM_KEY_PASSPHRASE", "unset TARKPM_KEY_PASSPHRASE")


@pytest.mark.parametrize(
    ("name", "new", "prompt"), [("release", True, "Passphrase of release"), ("", False, "Passphrase")]
)
def test_at_a_terminal_it_is_typed_unseen(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, name: str, new: bool, prompt: str
) -> None:
    streams(terminal=True)
    monkeypatch.delenv("TARKPM_KEY_PASSPHRASE", raising=False)
    asked: list[tuple[str, dict[str, object]]] = []

    def ask(text: str, **options: object) -> str:
        asked.append((text, options))
        return "typed"

    monkeypatch.setattr("click.prompt", ask)
    assert ask_passphrase(name, new=new) == b"typed"
    assert asked == [(prompt, {"hide_input": True, "confirmation_prompt": new, "err": True})]
