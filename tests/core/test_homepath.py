"""Paths below the home folder: what is private stays so, whatever is asked; variables fill one place only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core import home_path
from tarkpm.core.private_places import NAMES, PLACES, REASONS

PRIVATE = [name.replace("*", "x") for names in NAMES.values() for name in names.split()]
PRIVATE += [place.replace("*", "x") for places in PLACES.values() for place in places]

PRIVATE_PARTS = sorted({part for place in PRIVATE for part in place.split("/")})

PART = st.sampled_from(
    [".config", ".local", "share", "Library", "gh", "a", "tark", ".ssh", "x_oauth.json", ".x"]
)
GLOB = st.one_of(PART, st.sampled_from(["*", "g*", "*b", ".*", ".s*", "keyring*", "*s"]))
PATHS = st.lists(PART, min_size=1, max_size=4).map(lambda parts: "~/" + "/".join(parts))
PATTERNS = st.builds(
    lambda first, rest, below: "~/" + "/".join([first, *rest]) + ("/**" if below else ""),
    PART,
    st.lists(GLOB, max_size=3),
    st.booleans(),
)


def accepted(text: str) -> bool:
    try:
        return home_path.normalize(text) == text
    except ValueError:
        return False


@pytest.mark.parametrize("place", PRIVATE)
def test_what_is_private_is_refused_and_so_is_all_that_leads_there(place: str) -> None:
    parent, _, last = place.rpartition("/")
    tries = [
        f"~/{place}",
        f"~/{place}/x",
        f"~/{place}/**",
        f"~/{place.upper()}",
        f"~/{place[0]}\u200d{place[1:]}",
    ]
    tries += [f"~/{parent}/**", f"~/{parent}/{last[0]}*/x"] if parent else [f"~/backup/{place}"]
    if not parent and "/" not in place and place in ("snap", ".tark"):
        tries.remove(f"~/backup/{place}")
    for text in tries:
        with pytest.raises(ValueError, match="so no plugin may access it|expected a path"):
            home_path.normalize(text)


def test_the_reason_is_said() -> None:
    for text, kind in {
        "~/.aws/**": "keys",
        "~/.mozilla": "browser",
        "~/.zshrc": "shell",
        "~/.tark/x": "tark",
    }.items():
        with pytest.raises(ValueError, match=REASONS[kind]):
            home_path.normalize(text)


@given(PATTERNS, PATHS)
def test_an_accepted_pattern_covers_nothing_private(pattern: str, path: str) -> None:
    if accepted(pattern) and home_path.covers(pattern, path):
        assert not home_path.why_private(home_path.split(path)) or ".ssh" in path


@given(PATTERNS, PATTERNS, PATHS)
def test_what_two_patterns_meet_in_is_in_both(one: str, other: str, path: str) -> None:
    met = home_path.meet(one, other)
    if met is not None and home_path.covers(met, path):
        assert home_path.covers(one, path)
        assert home_path.covers(other, path)
    assert home_path.meet(other, one) == met


@given(PATTERNS, PATTERNS, PATHS)
def test_covering_means_containing(one: str, other: str, path: str) -> None:
    if home_path.covers(one, other) and home_path.covers(other, path):
        assert home_path.covers(one, path)


def test_a_plugins_own_credentials_are_the_one_file_of_tarks_it_may_have() -> None:
    path = home_path.normalize("~/.config/tark/chatgpt_oauth.json")
    assert home_path.is_own(path, "chatgpt-oauth")
    assert home_path.is_own(path, "chatgpt")
    assert not home_path.is_own(path, "chat")
    assert home_path.is_own("~/.codex/auth.json", "anything")
    for other in (
        "tark.toml",
        "config.toml",
        "x_oauth.json/y",
        "*_oauth.json",
        "plugins/x_oauth.json",
        "_oauth.json",
    ):
        assert not accepted(f"~/.config/tark/{other}")


HOME = "/home/u"
VALUES = {"HOME": HOME, "WHERE": "/home/u/.tool", "NAME": "mine", "UP": "..", "OUT": "/etc", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/.tool/a.json", "~/.tool/a.json"),
        ("${HOME}/.tool/a.json", "~/.tool/a.json"),
        ("${WHERE}/a.json", "~/.tool/a.json"),
        ("~/.tool/${NAME}.json", "~/.tool/mine.json"),
    ],
)
def test_variables_fill_a_credentials_path(text: str, path: str) -> None:
    assert home_path.filled(home_path.normalize_credentials(text), VALUES, HOME) == path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("${HOME}/.ssh/a.json", {}),
        ("${NAME}/a.json", {}),
        ("${OUT}/a.json", {}),
        ("${HOME}/${UP}/a.json", {}),
        ("${EMPTY}/a.json", {}),
        ("${UNSET}/a.json", {}),
        ("${X}/a.json", {"X": "/home/u/../v"}),
        ("${X}/a.json", {"X": "/home/under"}),
        ("${X}/a.json", {"X": "${HOME}"}),
        ("${X}/a.json", {"X": "/home/u/*"}),
        ("${X}/a.json", {"X": "/home/u/a\nb"}),
        ("${X}/credentials/a.json", {"X": "/home/u/.aws"}),
        ("${X}/a.json", {"X": "~/.config/tark"}),
    ],
)
def test_variables_lead_nowhere_else(text: str, values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="uses the variable|is not a .json|expected|no plugin may"):
        home_path.filled(home_path.normalize_credentials(text), VALUES | values, HOME)


LITERAL = st.lists(
    st.sampled_from([*PRIVATE_PARTS, "a", "A.PEM", ".config", "GH", "x_oauth.json", "tark", "bin"]),
    min_size=1,
    max_size=4,
).map(tuple)


@given(LITERAL)
def test_one_list_says_the_same_of_a_file_by_whichever_door(parts: tuple[str, ...]) -> None:
    closed = home_path.has_private_name(parts) or home_path.is_private_place(
        parts, write=False, credentials=True
    )
    if home_path.is_private_place(parts, write=False) == home_path.is_private_place(
        parts, write=False, credentials=True
    ):
        assert closed == bool(home_path.why_private(parts))
