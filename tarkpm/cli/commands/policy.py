"""``tarkpm policy``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.complete import key_names, plugin_names
from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, common, dry_run, read_name
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.cli.tables import table
from tarkpm.core.text import counted, neutral

if TYPE_CHECKING:
    from tarkpm.ops.policy import ExplainReport, PolicyCheckReport, PolicyReport, SignedPolicyReport

NOTHING = ["No team policy applies here."]


@click.group("policy", cls=Group)
def policy_command() -> None:
    """Show and check the team policies that apply, and sign a project's.

    A team policy only forbids. /etc/tarkpm/policy.toml is the machine's, ~/.config/tarkpm/policy.toml yours,
    and policy.toml beside tark.toml the project's, if [policy] in tark.toml names the key that signs it. All
    of them apply.
    """


@policy_command.command("show", cls=CheckedCommand)
@common
def show_command(invocation: Invocation) -> int:
    """Show every rule, and the file it is from."""
    from tarkpm.ops.policy import show

    report = show(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _rules(report))
    return 0


def _rules(report: "PolicyReport") -> list[str]:
    if not report.files:
        return NOTHING
    rows = [(one.rule, neutral(one.value), neutral(one.file)) for one in report.rules]
    # A rule of which a part is cut would read as another rule.
    lines = table(("Rule", "Value", "File"), rows, whole=("Rule",), prose=("Value", "File"))
    return [style(lines[0], bold=True), *lines[1:]]


@policy_command.command("check", cls=CheckedCommand)
@common
def check_command(invocation: Invocation) -> int:
    """Check the project's plugins offline. Exits with status 1 if a policy forbids one."""
    from tarkpm.ops.policy import check

    report = check(invocation.settings, invocation.ui)
    invocation.report(report, lambda: _checked(report))
    return 1 if report.violations else 0


def _checked(report: "PolicyCheckReport") -> list[str]:
    lines = [f"{one}  {style(neutral(one.file), dim=True)}" for one in report.violations]
    if report.unknown:
        lines.append(f"not known here, and not checked: the licenses of {', '.join(report.unknown)}")
    if not report.violations:
        lines.append(f"{counted(len(report.checked), 'plugin')} checked: nothing is forbidden")
    return lines


@policy_command.command("explain", cls=CheckedCommand)
@click.argument("name", shell_complete=plugin_names)
@common
def explain_command(invocation: Invocation, name: str) -> int:
    """Show which rules forbid the plugin NAME, and their files."""
    from tarkpm.ops.policy import explain

    report = explain(invocation.settings, invocation.ui, read_name(name))
    invocation.report(report, lambda: _explained(report))
    return 0


def _explained(report: "ExplainReport") -> list[str]:
    if not report.rules:
        return NOTHING
    head = (
        [] if report.is_known else [f"'{report.name}' is not in this project; these rules apply to it:", ""]
    )
    rows = [
        (
            one.rule,
            f"{one.verdict}: {neutral(one.subject)}" if one.subject else one.verdict,
            neutral(one.value),
            neutral(one.file),
        )
        for one in report.rules
    ]
    header = ("Rule", "Verdict", "Value", "File")
    lines = table(header, rows, whole=("Rule", "Verdict"), prose=("Value", "File"))
    return [*head, style(lines[0], bold=True), *lines[1:]]


@policy_command.command("sign", cls=CheckedCommand)
@click.argument(
    "folder", default=".", metavar="[FOLDER]", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--key", shell_complete=key_names, required=True, metavar="NAME", help="Key to sign with.")
@dry_run
@common
def sign_command(invocation: Invocation, folder: Path, key: str) -> int:
    """Sign the policy.toml in FOLDER.

    The signature is written to policy.dsse.json beside it. Commit both, and the lines that are printed.
    """
    from tarkpm.ops.policy import sign

    report = sign(invocation.settings, folder, key, ask_passphrase)
    verb = "would sign" if invocation.settings.dry_run else "signed"
    invocation.report(report, lambda: _signed(verb, report))
    return 0


def _signed(verb: str, report: "SignedPolicyReport") -> list[str]:
    return [
        f"{verb} {neutral(report.policy)}: {neutral(report.statement)}",
        "",
        "In tark.toml:",
        "  [policy]",
        f'  key = "{report.key}"',
        f"  version = {report.version}",
    ]
