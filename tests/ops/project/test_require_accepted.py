"""Nothing goes on before a project's decisions were accepted: at a terminal, by a flag, or by a digest."""

import msgspec
import pytest
from support.silent_ui import SilentUi

from tarkpm.errors import ProjectNotAccepted
from tarkpm.ops.project.acceptance import decisions, not_accepted, require_accepted
from tarkpm.ops.project.settings import ANY_DECISIONS, Settings
from tarkpm.ops.project.workspace import Workspace, open_for_change

TOML = '[plugins]\ncalc = { git = "https://git.example/calc.git" }\n'


def open_project(settings: Settings, ui: SilentUi, **changes: object) -> Workspace:
    (settings.cwd / "tark.toml").write_text(TOML)
    with open_for_change(msgspec.structs.replace(settings, **changes), ui) as workspace:
        return workspace


def test_without_a_terminal_it_is_an_error_that_names_each_decision(settings: Settings, ui: SilentUi) -> None:
    workspace = open_project(settings, ui)
    with pytest.raises(ProjectNotAccepted, match="fetch 'calc' from https://git.example/calc.git") as caught:
        require_accepted(workspace)
    assert caught.value.hint == "tarkpm accept --print"
    assert ui.cards == []


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_one_card_is_asked_about(settings: Settings, answer: bool) -> None:
    ui = SilentUi(interactive=True, answer=answer)
    workspace = open_project(settings, ui)
    if answer:
        require_accepted(workspace)
    else:
        with pytest.raises(ProjectNotAccepted):
            require_accepted(workspace)
    assert len(ui.cards) == len(ui.questions) == 1
    assert bool(not_accepted(workspace)) != answer
    assert bool(workspace.state.find(str(settings.cwd.resolve()))) == answer


def test_a_dry_run_shows_the_card_and_asks_nothing(settings: Settings) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = open_project(settings, ui, dry_run=True)
    with pytest.raises(ProjectNotAccepted):
        require_accepted(workspace)
    assert len(ui.cards) == 1
    assert ui.questions == []


def test_a_digest_accepts_these_decisions_and_no_others(settings: Settings, ui: SilentUi) -> None:
    digest = decisions(open_project(settings, ui)).digest
    with pytest.raises(ProjectNotAccepted, match=digest):
        require_accepted(open_project(settings, ui, accept_project="sha256:" + "0" * 64))
    require_accepted(open_project(settings, ui, accept_project=digest))
    require_accepted(open_project(settings, ui))


def test_accepting_again_unsettles_what_was_synced(settings: Settings, ui: SilentUi) -> None:
    """Another state of the documents may have been settled: sync must look again."""
    workspace = open_project(settings, ui, accept_project=ANY_DECISIONS)
    workspace.remember(settled="seal")
    require_accepted(workspace)
    assert workspace.record.settled == ""
    assert workspace.record.accepted_at > 0
