"""No target is reached that does not follow from tark.toml, or whose signers are not trusted (rule 2)."""

import pytest
from support.indexrepo import public
from support.releases import (
    COMMUNITY,
    EVIL,
    GOOD,
    INDEX_TOML,
    documents,
    make_release,
    requirement_of,
)
from support.workspaces import Open, vouch

from tarkpm.core.digest import sha256
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version
from tarkpm.errors import (
    KeyUntrusted,
    LockStale,
    NotFound,
    Refused,
    ResolutionError,
    Revoked,
    TarkError,
    Unreachable,
    UnsignedRefused,
)
from tarkpm.ops.change.target import CheckedTarget, Target, check_target, present, required
from tarkpm.ops.project.workspace import Workspace

CALC = make_release()
OF_INDEX = make_release(source=COMMUNITY)


def check(workspace: Workspace) -> CheckedTarget:
    return check_target(workspace, Target(workspace.project, workspace.lock, b"x", decided=True))


def test_a_checked_target_is_the_target(opened: Open) -> None:
    workspace = opened(*documents(CALC))
    target = check(workspace)
    assert (target.project, target.lock) == (workspace.project, workspace.lock)
    assert (target.project_bytes, target.decided, target.dropped) == (b"x", True, ())


@pytest.mark.parametrize(
    ("toml", "lock", "error"),
    [
        ("", documents(CALC)[1], LockStale),  # nothing requires it
        (documents(CALC)[0], documents()[1], LockStale),  # it is not locked
        (*documents(CALC, trust={"calc": [EVIL]}), KeyUntrusted),
        (*documents(CALC, trust={"calc": []}), KeyUntrusted),
        (
            documents(make_release(key=None))[0].replace(", unsigned = true", ""),
            documents(make_release(key=None))[1],
            UnsignedRefused,
        ),
        (
            *documents(make_release(more='min_tark_version = "2.0.0"'), toml='[tark]\nversion = "1.9.9"\n'),
            ResolutionError,
        ),
        (*documents(OF_INDEX, toml=INDEX_TOML), Unreachable),  # nobody has vouched for it here yet
    ],
)
def test_what_does_not_follow_is_refused(opened: Open, toml: str, lock: str, error: type[TarkError]) -> None:
    with pytest.raises(error, match="'calc'"):
        check(opened(toml, lock))


@pytest.mark.parametrize("allow_http", [True, False])
def test_an_url_is_checked_though_nothing_is_fetched_from_it(opened: Open, allow_http: bool) -> None:
    workspace = opened('[plugins]\ncalc = { git = "http://git.example/x.git" }\n', allow_http=allow_http)
    with pytest.raises(LockStale if allow_http else Refused):
        check(workspace)


@pytest.mark.parametrize(
    ("key", "revoked", "error"), [(GOOD, False, None), (EVIL, False, KeyUntrusted), (GOOD, True, Revoked)]
)
def test_an_index_vouches_for_its_publishers(
    opened: Open, key: object, revoked: bool, error: type[TarkError] | None
) -> None:
    workspace = opened(*documents(OF_INDEX, toml=INDEX_TOML))
    digests = {"1.0.0": sha256(b"payload")} if revoked else {}
    vouch(workspace, "calc", key, revoked_versions=digests)  # type: ignore[arg-type]
    if error is None:
        check(workspace)
        return
    with pytest.raises(error):
        check(workspace)


@pytest.mark.parametrize(("pin", "trusted"), [(GOOD, True), (EVIL, False)])
def test_a_pin_narrows_what_an_index_vouches_for(opened: Open, pin: object, trusted: bool) -> None:
    workspace = opened(*documents(OF_INDEX, toml=INDEX_TOML, trust={"calc": [pin]}))  # type: ignore[list-item]
    vouch(workspace, "calc", GOOD)
    if trusted:
        check(workspace)
    else:
        with pytest.raises(KeyUntrusted, match=r"\[trust\] does not list"):
            check(workspace)


def test_equal_minimum_is_enough(opened: Open) -> None:
    release = make_release(more='min_tark_version = "2.0.0"')
    workspace = opened(*documents(release, toml='[tark]\nversion = "2.0.0"\n'))
    assert check(workspace).project.tark_version == Version(2, 0, 0)


# -- which plugins a verb may name


def test_a_requirement_a_dependency_and_a_stranger(opened: Open) -> None:
    memo = make_release("memo", source=COMMUNITY)
    workspace = opened(*documents(CALC, toml=INDEX_TOML, dependencies=[memo]))
    calc, dependency, stranger = map(PluginName, ("calc", "memo", "other"))
    assert present(workspace, calc) == required(workspace, calc) == requirement_of(CALC)
    assert present(workspace, dependency) is None
    for find in (present, required):
        with pytest.raises(NotFound, match="'other'") as caught:
            find(workspace, stranger)
        assert caught.value.hint == "tarkpm list"
    with pytest.raises(NotFound, match="'memo'"):
        required(workspace, dependency)


def test_a_key_alone_makes_no_plugin(opened: Open) -> None:
    workspace = opened(f'[trust]\ncalc = ["{public(GOOD)}"]\n')
    with pytest.raises(NotFound):
        present(workspace, PluginName("calc"))
