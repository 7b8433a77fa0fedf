import pytest

from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.release_age import (
    DAY,
    HOUR,
    AgeCheck,
    AgeRule,
    Young,
    age_text,
    is_young,
    loosened,
    met,
    moment_text,
    parse_age,
    parse_moment,
)
from tarkpm.core.version import Version

HOME = IndexSource(PluginName("community"), "sha256:" + "1" * 64)
CALC = PluginName("calc")
ONE = Version(1, 0, 0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12h", 12 * HOUR), ("3d", 3 * DAY), ("2w", 14 * DAY), ("365d", 365 * DAY)]
)
def test_an_age_is_read_in_hours_days_and_weeks(text: str, seconds: int) -> None:
    assert parse_age(text) == seconds
    assert parse_age(age_text(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["", "3", "0d", "-3d", "3 d", "3D", "3m", "03d", "1.5d", "3d\n", "٣d", "99999d", "P3D"]
)
def test_another_age_is_refused_with_key_and_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^minimum-release-age: expected an age like 3d, 12h or 2w, found"):
        parse_age(text)


def test_an_age_of_more_than_a_year_is_refused() -> None:
    with pytest.raises(ValueError, match="^the-key: expected at most 365d, found '53w'$"):
        parse_age("53w", key="the-key")


def test_a_moment_has_one_spelling() -> None:
    assert parse_moment("2026-11-28T22:30:00Z") == 1795905000
    assert moment_text(1795905000) == "2026-11-28T22:30:00Z"
    for text in ("2026-11-28T22:30:00+00:00", "2026-11-28", "2026-13-28T22:30:00Z", "2026-1-28T22:30:00Z"):
        with pytest.raises(ValueError, match="expected a time like 2026-11-28T22:30:00Z"):
            parse_moment(text)


def test_a_release_is_young_until_it_has_the_minimum_age() -> None:
    assert is_young(1000, now=1000 + DAY - 1, minimum=DAY) == Young(1000 + DAY)
    assert is_young(1000, now=1000 + DAY, minimum=DAY) is None


def test_an_unknown_time_and_one_in_the_future_are_young() -> None:
    assert is_young(None, now=10**10, minimum=DAY) == Young()
    assert is_young(5000, now=1000, minimum=HOUR) == Young(5000 + HOUR)


def test_nothing_is_young_without_a_minimum() -> None:
    assert is_young(None, now=0, minimum=0) is None


def test_a_wait_is_shown_to_the_minute() -> None:
    assert str(Young(1795905001)) == "is too young until 2026-11-28 22:31 UTC"
    assert str(Young()) == "has no time of publication, so it counts as too young"


def test_a_rule_only_gets_longer_by_another_minimum() -> None:
    assert AgeRule(DAY).at_least(3 * DAY) == AgeRule(3 * DAY)
    assert AgeRule(3 * DAY).at_least(DAY) == AgeRule(3 * DAY)


def test_a_shorter_age_and_a_new_exclusion_go_beyond_a_rule() -> None:
    accepted = AgeRule(3 * DAY, ("text_tools",))
    assert loosened(AgeRule(4 * DAY, ("text-tools",)), accepted) == ()
    assert loosened(None, accepted) == ("shorten the minimum release age: 3d → none",)
    assert loosened(AgeRule(3 * DAY, ("calc",)), accepted) == ("take releases of 'calc' of any age",)
    assert loosened(AgeRule(DAY), None) == ()
    assert met(AgeRule(DAY, ("calc",)), accepted) == AgeRule(3 * DAY)
    assert met(None, None) is None


def test_a_check_leaves_out_what_is_excluded_and_what_fixes_an_advisory() -> None:
    rule = AgeRule(DAY, ("text-tools",))
    check = AgeCheck(rule, 1000, lambda _, name, version: version == Version(1, 0, 1))
    assert check.young(HOME, CALC, ONE, 1000) == Young(1000 + DAY)
    assert check.young(HOME, PluginName("text_tools"), ONE, 1000) is None
    assert check.young(HOME, CALC, Version(1, 0, 1), 1000) is None
    assert not AgeCheck().is_on


def test_no_exclusion_shortens_what_a_team_policy_demands() -> None:
    rule = AgeRule(3 * DAY, ("calc",))
    check = AgeCheck(rule, 1000, lambda _, name, version: version == Version(1, 0, 1), floor=DAY)
    assert check.young(HOME, CALC, ONE, 1000) == Young(1000 + DAY)
    assert check.young(HOME, PluginName("other"), ONE, 1000) == Young(1000 + 3 * DAY)
    assert check.young(HOME, CALC, Version(1, 0, 1), 1000) is None
    assert AgeCheck(floor=DAY).is_on
