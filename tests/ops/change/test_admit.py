"""Admission: what accepting a release means here, and what is asked about it."""

from pathlib import Path

import msgspec
import pytest
from support.indexrepo import public
from support.releases import (
    COMMUNITY,
    EVIL,
    GOOD,
    INDEX_TOML,
    caps,
    documents,
    entry_of,
    git,
    make_release,
    requirement_of,
)
from support.silent_ui import SilentUi
from support.workspaces import Install, Open, vouch

from tarkpm.core.consent import Admission, Answers, Question
from tarkpm.core.lockfile import Lock
from tarkpm.core.project_edit import ProjectEdit
from tarkpm.core.release import PathSource, PluginName
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    Downgrade,
    KeyChanged,
    KeyUnknown,
    KeyUntrusted,
    LockStale,
    ResolutionError,
    UnmanagedRefused,
)
from tarkpm.ops.change.abandoned import abandoned
from tarkpm.ops.change.admit import Declined, agree, ask, changed_names
from tarkpm.ops.change.propose import PluginRequest, target_of, weigh

CALC = PluginName("calc")
STORAGE = "[capabilities]\nstorage = true"


def kinds(admission: Admission) -> list[type[ConsentError]]:
    return [question.error for question in admission.questions]


# -- weigh


def test_an_entry_nothing_leads_to_is_not_what_a_release_replaces(opened: Open) -> None:
    """Planted in the lock, it would make the next version a downgrade, or its signer the expected one."""
    old, new = make_release(version="2.0.0", key=EVIL), make_release(version="1.0.0")
    _, lock = documents(old)
    admission = weigh(opened("", lock), requirement_of(new), new, Answers())
    assert kinds(admission) == [KeyUnknown]
    toml, lock = documents(old)
    admission = weigh(opened(toml, lock), requirement_of(new), new, Answers())
    assert kinds(admission) == [KeyChanged, Downgrade]


@pytest.mark.parametrize("known", ["installed", "in the store", "gone"])
def test_what_the_user_revoked_is_not_asked_for_again(install: Install, opened: Open, known: str) -> None:
    """The locked release's declaration is read where it still is; without it, the grants are compared."""
    old = make_release(more=STORAGE)
    new = make_release(version="1.1.0", more=f"{STORAGE}\nshell = true")
    toml, lock = documents(old)
    workspace = install(toml, lock, old)
    if known != "installed":
        for file in (workspace.environment.folder("calc")).iterdir():
            file.unlink()
    if known != "in the store":
        workspace.store.path(entry_of(old).files[0].sha256).unlink()
    admission = weigh(opened(toml, lock), requirement_of(new), new, Answers())
    assert kinds(admission) == [CapabilityWidened]
    assert admission.change.grants == (caps("storage", "shell") if known == "gone" else caps("shell"))


def test_who_may_publish_in_an_index_says_nothing_of_a_repository(opened: Open) -> None:
    workspace = opened(INDEX_TOML)
    vouch(workspace, "calc", EVIL)
    of_git, of_index = make_release(key=EVIL), make_release(key=GOOD, source=COMMUNITY)
    assert kinds(weigh(workspace, requirement_of(of_git), of_git, Answers())) == [KeyUnknown]
    with pytest.raises(KeyUntrusted):
        weigh(workspace, requirement_of(of_index), of_index, Answers())


# -- target_of


def test_a_release_that_changes_no_decision_leaves_the_project_as_it_is(opened: Open) -> None:
    old, new = make_release(), make_release(version="1.1.0", source=git(commit="b" * 40))
    toml, lock = documents(old)
    workspace = opened(f"# mine\n{toml}", lock)
    target = target_of(workspace, [weigh(workspace, requirement_of(new), new, Answers())], ())
    assert target.project_bytes is None
    assert target.lock == Lock((entry_of(new),))
    assert target.decided


def test_a_new_plugin_is_written_below_what_the_user_wrote(opened: Open) -> None:
    new = make_release(more=STORAGE)
    workspace = opened("# mine\n")
    target = target_of(workspace, [weigh(workspace, requirement_of(new), new, Answers())], ())
    text = (target.project_bytes or b"").decode()
    assert text.startswith("# mine\n")
    assert target.project.trust == {CALC: (public(GOOD),)}
    assert target.project.granted(CALC) == caps("storage")
    assert target.project.requirements[CALC] == requirement_of(new)


def test_without_a_document_one_is_begun(opened: Open) -> None:
    workspace = opened(None)
    target = target_of(workspace, [], ())
    assert (target.project_bytes or b"").startswith(b"# The plugins of this project.")


@pytest.mark.parametrize(("toml", "version"), [("", "0.12.6"), ('[tark]\nversion = "0.9.0"\n', "0.9.0")])
def test_the_installed_tark_is_recorded_where_no_version_is(
    opened: Open, tmp_path: Path, toml: str, version: str
) -> None:
    program = tmp_path / "bin" / "tark"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho tark 0.12.6\n")
    program.chmod(0o755)
    workspace = opened(toml, environment={"HOME": str(tmp_path), "PATH": str(program.parent)})
    new = make_release()
    target = target_of(workspace, [weigh(workspace, requirement_of(new), new, Answers())], ())
    assert str(target.project.tark_version) == version


def test_the_grants_of_a_dependency_go_with_it(opened: Open) -> None:
    """Otherwise a plugin that comes back later would find them, without anybody being asked."""
    calc, memo = make_release(source=COMMUNITY), make_release("memo", source=COMMUNITY)
    toml, lock = documents(
        calc, toml=INDEX_TOML, dependencies=[memo], grants={"memo": caps("shell"), "calc": caps("storage")}
    )
    workspace = opened(toml, lock)
    target = target_of(workspace, [], [entry_of(calc)])
    assert target.project.grants == {CALC: caps("storage")}
    assert abandoned(workspace.project, workspace.lock, ["calc"]) == ["memo"]
    assert abandoned(workspace.project, workspace.lock, ["memo"]) == []  # tark.toml requires calc


def test_names_that_changed_are_new_or_different_entries() -> None:
    same, old, new = make_release("same"), make_release(), make_release(version="1.1.0")
    before = Lock.of(map(entry_of, (same, old)))
    after = Lock.of(map(entry_of, (same, new, make_release("more"))))
    assert changed_names(before, after) == ("calc", "more")
    assert changed_names(after, after) == ()


# -- ask


def admission(*questions: tuple[type[ConsentError], str, bool]) -> Admission:
    release = make_release()
    asked = tuple(Question(error, CALC, error.__name__, flag, askable) for error, flag, askable in questions)
    return Admission(release.candidate, ProjectEdit(CALC, requirement_of(release)), asked)


KEY = (KeyUnknown, "--trust K", True)
WIDER = (CapabilityWidened, "--accept-capabilities", True)
OLDER = (Downgrade, "--allow-downgrade", False)
FOLDER = (UnmanagedRefused, "--adopt", True)


@pytest.mark.parametrize(
    ("questions", "prompt"),
    [
        ([], "Proceed?"),
        ([KEY], "Trust this key and install?"),
        ([(KeyChanged, "--trust K", True)], "Trust this key and install?"),
        ([WIDER], "Grant these capabilities and install?"),
        ([FOLDER, WIDER, KEY], "Trust this key, grant these capabilities, put the folder aside and install?"),
    ],
)
@pytest.mark.parametrize("answer", [True, False])
def test_one_prompt_names_everything_that_is_agreed_to(
    opened: Open, questions: list[tuple[type[ConsentError], str, bool]], prompt: str, answer: bool
) -> None:
    ui = SilentUi(interactive=True, answer=answer)
    workspace = opened("", ui=ui)
    if answer:
        ask(workspace, [admission(*questions)])
    else:
        with pytest.raises(Declined, match="nothing was changed"):
            ask(workspace, [admission(*questions)])
    assert ui.questions == [prompt]
    assert len(ui.cards) == 1


@pytest.mark.parametrize(
    ("interactive", "changes", "questions", "prompts"),
    [
        (False, {}, [], 0),  # nobody is there, and nothing needs an answer
        (True, {"yes": True}, [], 0),
        (True, {"yes": True}, [KEY], 1),  # -y is no answer about a key (rule 9)
        (True, {"dry_run": True}, [KEY], 0),
    ],
)
def test_who_is_prompted(
    opened: Open,
    interactive: bool,
    changes: dict[str, object],
    questions: list[tuple[type[ConsentError], str, bool]],
    prompts: int,
) -> None:
    ui = SilentUi(interactive=interactive, answer=True)
    ask(opened("", ui=ui, **changes), [admission(*questions)])  # type: ignore[arg-type]
    assert (len(ui.cards), len(ui.questions)) == (1, prompts)


@pytest.mark.parametrize(
    ("interactive", "questions", "error", "hint"),
    [
        (False, [KEY, WIDER], KeyUnknown, "tarkpm add x --trust K --accept-capabilities"),
        # no prompt asks for an unsafe choice, and then none asks for the others either
        (True, [OLDER, KEY], Downgrade, "tarkpm add x --allow-downgrade --trust K"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_what_to_type(
    opened: Open,
    interactive: bool,
    questions: list[tuple[type[ConsentError], str, bool]],
    error: type[ConsentError],
    hint: str,
) -> None:
    ui = SilentUi(interactive=interactive, answer=True)
    workspace = opened("", ui=ui, command="tarkpm add x")
    with pytest.raises(error) as caught:
        ask(workspace, [admission(*questions)])
    assert caught.value.hint == hint
    assert len(ui.cards) == 1  # what the flags would agree to
    assert ui.questions == []


def test_nothing_new_shows_nothing(opened: Open) -> None:
    ui = SilentUi(interactive=True, answer=False)
    ask(opened("", ui=ui), [])
    assert (ui.cards, ui.questions) == ([], [])


# -- agree


def folder(workspace_folder: Path, name: str = "calc", more: str = "") -> PathSource:
    place = workspace_folder / name
    place.mkdir(exist_ok=True)
    for file, data in make_release(name, more=more).contents.items():
        (place / file).write_bytes(data)
    return PathSource(f"./{name}")


def test_the_whole_way_to_an_agreed_change(opened: Open) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = opened("", ui=ui)
    more = f'min_tark_version = "0.6.0"\n{STORAGE}'
    agreed = agree(workspace, [PluginRequest(folder(workspace.location.folder, more=more))], Answers())
    assert ui.questions == ["Grant these capabilities and install?"]
    assert agreed.names == agreed.changed == ("calc",)
    assert agreed.target.project.granted(CALC) == caps("storage")
    assert [release.candidate.manifest.name for release in agreed.releases] == ["calc"]
    assert agreed.unmet == (
        "'calc' requires tark 0.6.0 or newer; this was not checked because tark.toml sets no [tark] version",
    )
    assert not (workspace.location.folder / "tark.lock").exists()  # agreeing changes nothing


def test_nothing_is_asked_about_a_change_that_cannot_be_applied(opened: Open) -> None:
    """Another plugin of the lock is not trusted: the user hears that, and is not asked about this one."""
    ui = SilentUi(interactive=True, answer=True)
    memo = make_release("memo", key=EVIL)
    toml, lock = documents(memo, trust={"memo": [GOOD]})
    workspace = opened(toml, lock, ui=ui)
    with pytest.raises(KeyUntrusted, match="'memo'"):
        agree(workspace, [PluginRequest(folder(workspace.location.folder))], Answers())
    assert (ui.cards, ui.questions) == ([], [])


def test_a_plugin_that_is_requested_again_is_named_and_not_shown(opened: Open) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = opened("", ui=ui)
    request = PluginRequest(folder(workspace.location.folder))
    before = agree(workspace, [request], Answers()).target
    ui.cards.clear()
    workspace = opened((before.project_bytes or b"").decode(), ui=ui)
    workspace.lock = before.lock
    agreed = agree(workspace, [request], Answers())
    assert (agreed.names, agreed.changed) == (("calc",), ())
    assert ui.cards == []


def test_a_source_that_holds_another_plugin_is_refused(opened: Open) -> None:
    workspace = opened()
    source = folder(workspace.location.folder)
    with pytest.raises(ResolutionError, match="expected 'memo' at its source, found 'calc'"):
        agree(workspace, [PluginRequest(source, PluginName("memo"))], Answers())


@pytest.mark.parametrize("adopting", [True, False])
def test_only_an_adopting_verb_asks_about_a_folder_in_the_way(opened: Open, adopting: bool) -> None:
    ui = SilentUi(interactive=True, answer=True)
    workspace = opened("", ui=ui)
    mine = workspace.environment.folder("calc")
    mine.mkdir(parents=True)
    agreed = agree(
        workspace, [PluginRequest(folder(workspace.location.folder))], Answers(), adopting=adopting
    )
    assert bool(agreed.adopted) is adopting
    assert ui.questions == ["Put the folder aside and install?" if adopting else "Proceed?"]


def test_a_lock_that_no_longer_fits_is_not_repaired_in_passing(opened: Open) -> None:
    """tark.toml moved another plugin by hand: `add` of this one does not follow it there."""
    memo = make_release("memo")
    toml, lock = documents(memo)
    workspace = opened(toml.replace("memo.git", "elsewhere.git"), lock)
    with pytest.raises(LockStale, match="memo"):
        agree(workspace, [PluginRequest(folder(workspace.location.folder))], Answers())


def test_a_request_repeats_a_requirement() -> None:
    requirement = msgspec.structs.replace(requirement_of(make_release(source=COMMUNITY)), range="~1.2")
    assert PluginRequest.of(requirement) == PluginRequest(COMMUNITY, CALC, "~1.2")
