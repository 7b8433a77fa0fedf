"""Grants changed by hand: what is reported, what is written, and of which plugins."""

import pytest
from support.releases import COMMUNITY, INDEX_TOML, caps, documents, make_release
from support.workspaces import Install, Open

from tarkpm.core.release import PluginName
from tarkpm.errors import NotFound
from tarkpm.ops.change.grants import GrantReport, set_grants

CALC = PluginName("calc")
RELEASE = make_release()


def test_the_report_says_what_was_gained_and_lost(install: Install, opened: Open) -> None:
    install(*documents(RELEASE, grants={"calc": caps("storage", "env:HOME")}), RELEASE)
    workspace = opened(None)
    report = set_grants(workspace, CALC, caps("storage", "shell"), decided=True)
    assert (report.added, report.removed) == (("shell",), ("env:HOME",))
    assert set(report.granted) == {"shell", "storage"}
    assert opened(None).project.granted(CALC) == caps("storage", "shell")


def test_the_trusted_keys_and_the_source_stay(install: Install, opened: Open) -> None:
    before = install(*documents(RELEASE), RELEASE).project
    set_grants(opened(None), CALC, caps("shell"), decided=True)
    after = opened(None).project
    assert (after.requirements, after.trust) == (before.requirements, before.trust)


def test_equal_grants_leave_the_file_alone(install: Install, opened: Open) -> None:
    """However the user spells them: an edit would write them on one line."""
    toml, lock = documents(RELEASE)
    text = f"# mine\n{toml}\n[grants.calc]\nstorage = true # it keeps notes\n"
    install(text, lock, RELEASE)
    report = set_grants(opened(None), CALC, caps("storage"), decided=True)
    assert (report.added, report.removed) == ((), ())
    assert (opened(None).project_bytes or b"").decode() == text


def test_a_dry_run_reports_and_writes_nothing(install: Install, opened: Open) -> None:
    install(*documents(RELEASE), RELEASE)
    report = set_grants(opened(None, dry_run=True), CALC, caps("shell"), decided=True)
    assert report == GrantReport("calc", ("shell",), ("shell",), ())
    assert opened(None).project.granted(CALC) == caps()


@pytest.mark.parametrize("decided", [True, False])
def test_a_wider_grant_is_accepted_only_if_the_user_decided_it(
    install: Install, opened: Open, decided: bool
) -> None:
    install(*documents(RELEASE), RELEASE)
    set_grants(opened(None), CALC, caps("shell"), decided=decided)
    assert opened(None).record.accepted.plugins["calc"].granted == (caps("shell") if decided else caps())


def test_a_dependency_has_grants_without_being_required(opened: Open) -> None:
    calc = make_release(source=COMMUNITY, more='[dependencies]\nmemo = "^1"\n')
    memo = make_release("memo", source=COMMUNITY)
    toml, lock = documents(calc, toml=INDEX_TOML, dependencies=[memo])
    workspace = opened(toml, lock, dry_run=True)
    assert set_grants(workspace, PluginName("memo"), caps("shell"), decided=True).added == ("shell",)


def test_a_plugin_that_is_not_here_gets_nothing(opened: Open) -> None:
    with pytest.raises(NotFound, match="does not require a plugin named 'memo'"):
        set_grants(opened(*documents(RELEASE)), PluginName("memo"), caps("shell"), decided=True)
