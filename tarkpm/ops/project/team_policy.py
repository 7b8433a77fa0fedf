"""Read the team policies that apply: the machine's, the user's, and the project's signed one.

A policy that is there and cannot be used is an error, never "no policy": anyone who could damage the file
would otherwise be free of it (docs/decisions/0181).
"""

import shlex
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.names import MAX_POLICY, MAX_STATEMENT, POLICY, POLICY_STATEMENT
from tarkpm.errors import TarkError, TeamPolicyInvalid
from tarkpm.io.files import read_file, read_optional

if TYPE_CHECKING:  # without a policy nothing of it is imported
    from tarkpm.core.policy_pin import PolicyPin
    from tarkpm.core.team_policy import TeamPolicy
    from tarkpm.core.team_rules import TeamRules
    from tarkpm.ops.project.settings import Settings
    from tarkpm.ops.project.workspace import Workspace

OTHERS_MAY_WRITE: Final = 0o022


class SystemFile(msgspec.Struct, frozen=True):
    """The policy of the machine, and the user who must own it and its folder."""

    path: Path
    owner: int = 0


# No environment variable and no option moves it: the user whom it restricts could set them. Tests replace it.
SYSTEM: SystemFile = SystemFile(Path("/etc/tarkpm/policy.toml"))


class PolicyFiles(msgspec.Struct, frozen=True):
    """The bytes of the policy files as they were read once; None for one that does not exist.

    ``signature`` is the file beside the project's policy. Either may be the error that reading it raised: it
    matters only if the project names a policy, as any project may have a file of that name.
    """

    user_path: Path
    system: bytes | None = None
    user: bytes | None = None
    project_path: Path | None = None
    project: bytes | TeamPolicyInvalid | None = None
    signature: bytes | TeamPolicyInvalid | None = None

    @property
    def sealed(self) -> tuple[bytes, ...]:
        """Bytes that differ if any file does; nothing without files, so that earlier seals hold."""
        parts = (self.system, self.user, self.project, self.signature)
        if all(part is None for part in parts):
            return ()
        return tuple(b"+" + part if isinstance(part, bytes) else b"-" for part in parts)

    def rules(self, pin: "PolicyPin | None") -> "TeamRules | None":
        """Return what applies; ``pin`` is what the project says of its policy, whose files count only then.

        None if no policy applies. Raises `TeamPolicyInvalid`, `SignatureInvalid`.
        """
        if pin is None and self.system is None and self.user is None:
            return None  # before the imports: most calls have no policy and must not wait for them
        from tarkpm.core.team_policy import TeamPolicy
        from tarkpm.core.team_rules import TeamRules

        found: list[TeamPolicy] = []
        if self.system is not None:
            found.append(TeamPolicy.parse(self.system, where=str(SYSTEM.path)))
        if self.user is not None:
            found.append(TeamPolicy.parse(self.user, where=str(self.user_path)))
        if pin is not None:
            found.append(self._signed(pin))
        return TeamRules(tuple(found))

    def _signed(self, pin: "PolicyPin") -> "TeamPolicy":
        """Return the project's policy. Raises unless it is there, signed by the pinned key and not older."""
        from tarkpm.core.policy_statement import verify_policy
        from tarkpm.core.team_policy import TeamPolicy

        where = str(self.project_path)
        text, signature = self._part(self.project, POLICY), self._part(self.signature, POLICY_STATEMENT)
        # The signature first: a parser never sees what nobody signed.
        verify_policy(text, signature, pin.key, where=str(Path(where).with_name(POLICY_STATEMENT)))
        policy = TeamPolicy.parse(text, where=where, commands=False)
        # An older policy has a valid signature too, and may forbid less.
        if policy.version < pin.version:
            message = f"expected version {pin.version} or later, as tark.toml says, found {policy.version}"
            raise TeamPolicyInvalid(message, where=f"{where}: version")
        return policy

    def _part(self, part: bytes | TeamPolicyInvalid | None, name: str) -> bytes:
        if isinstance(part, TeamPolicyInvalid):
            raise part
        if part is None:
            raise TeamPolicyInvalid(
                f"tark.toml names a team policy, but {name} is missing",
                where=str(Path(str(self.project_path)).with_name(name)),
                hint="restore it from version control",
            )
        return part


class TeamPolicies:
    """The team policies of a workspace, as a resource of it."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._rules: tuple[PolicyPin | None, TeamRules | None] | None = None

    @cached_property
    def files(self) -> PolicyFiles:
        """The files, read once. Raises `TeamPolicyInvalid`."""
        return read_policies(self._workspace.settings, self._workspace.location.folder)

    @property
    def sealed(self) -> tuple[bytes, ...]:
        """What `PolicyFiles.sealed` is and, with a policy, bytes that differ if known advisories do."""
        if not (parts := self.files.sealed):
            return ()
        folder = self._workspace.state.root / "advisories"
        found = sorted((file.name, file.stat()) for file in folder.glob("*.json"))
        return *parts, repr([(name, at.st_ino, at.st_mtime_ns, at.st_size) for name, at in found]).encode()

    @property
    def rules(self) -> "TeamRules | None":
        """What applies to the project as it is now. Raises `TeamPolicyInvalid`, `SignatureInvalid`."""
        pin = self._workspace.project.policy
        if self._rules is None or self._rules[0] != pin:
            self._rules = pin, self.files.rules(pin)
        return self._rules[1]

    def close(self) -> None:
        """Read the files again, the next time they are asked for."""
        vars(self).pop("files", None)
        self._rules = None


def team_rules(workspace: "Workspace") -> "TeamRules | None":
    """Return the team policies of a workspace, None without any.

    Raises `TeamPolicyInvalid`, `SignatureInvalid`.
    """
    return workspace.resource(TeamPolicies).rules


def read_policies(settings: "Settings", folder: Path | None = None) -> PolicyFiles:
    """Read the policies of the machine and of the user, and what is in a project's ``folder``.

    Raises `TeamPolicyInvalid` for a file that exists and cannot be used.
    """
    user_path = user_policy(settings)
    files = PolicyFiles(user_path, _read_system(), _read(_real(user_path), MAX_POLICY))
    if folder is None:
        return files
    return msgspec.structs.replace(
        files,
        project_path=folder / POLICY,
        project=_try(folder / POLICY, MAX_POLICY),
        signature=_try(folder / POLICY_STATEMENT, MAX_STATEMENT),
    )


def policy_paths(settings: "Settings", folder: Path) -> tuple[Path, ...]:
    """Return the paths at which policy files of a project may be."""
    return SYSTEM.path, user_policy(settings), folder / POLICY, folder / POLICY_STATEMENT


def user_policy(settings: "Settings") -> Path:
    """Return the path of the user's own policy, in the folder of tarkpm beside that of tark."""
    return settings.paths.config.parent / "tarkpm" / POLICY


def _read(path: Path, limit: int) -> bytes | None:
    try:
        return read_optional(path, limit)
    except (OSError, TarkError) as problem:
        raise _unusable(problem, path) from problem


def _try(path: Path, limit: int) -> bytes | TeamPolicyInvalid | None:
    try:
        return _read(path, limit)
    except TeamPolicyInvalid as problem:
        return problem


def _unusable(problem: OSError | TarkError, path: Path) -> TeamPolicyInvalid:
    why = problem.message if isinstance(problem, TarkError) else (problem.strerror or str(problem)).lower()
    return TeamPolicyInvalid(f"the team policy cannot be used: {why}", where=str(path))


def _real(path: Path) -> Path:
    """Return the file that a link leads to; the path itself if it is none. Raises `TeamPolicyInvalid`.

    Some systems keep /etc as links into a store, and some users their settings: only the owner of the folder
    can make such a link. One that leads nowhere is not "no policy".
    """
    try:
        return path.resolve(strict=True) if path.is_symlink() else path
    except OSError as problem:
        raise _unusable(problem, path) from problem
    except RuntimeError:  # Python 3.11 and 3.12 raise it for links in a circle
        why = "the team policy cannot be used: its links lead in a circle"
        raise TeamPolicyInvalid(why, where=str(path)) from None


def _read_system() -> bytes | None:
    """Return the machine's policy, of which only its owner may change a byte."""
    path = SYSTEM.path
    try:
        real = _real(path)
        data = read_file(real, MAX_POLICY)
    except FileNotFoundError:
        return None
    except (OSError, TarkError) as problem:
        raise _unusable(problem, path) from problem
    for place in (real, real.parent, path.parent):
        _check_owned(place)
    return data


def _check_owned(path: Path) -> None:
    found = path.stat()
    if found.st_uid != SYSTEM.owner:
        why, fix = f"it belongs to user {found.st_uid}, expected {SYSTEM.owner}", f"chown {SYSTEM.owner}"
    elif stat.S_IMODE(found.st_mode) & OTHERS_MAY_WRITE:
        why, fix = "others may write it", "chmod go-w"
    else:
        return
    raise TeamPolicyInvalid(
        f"the team policy cannot be used: {why}", where=str(path), hint=f"sudo {fix} {shlex.quote(str(path))}"
    )
