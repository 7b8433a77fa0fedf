"""``tarkpm doctor``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.console import style
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    offline,
)
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.audit.leftovers import Trouble
    from tarkpm.ops.doctor import DoctorReport


@click.command("doctor", cls=CheckedCommand)
@click.option("--fix", is_flag=True, help="Fix what can be fixed without losing data.")
@offline
@allow_http
@common
def doctor_command(invocation: Invocation, fix: bool) -> int:
    """Report paths, confinement, servers and problems.

    It compares the sizes of installed files. To hash them: tarkpm verify.
    """
    from tarkpm.ops.doctor import doctor

    report = doctor(invocation.settings, invocation.ui, fix=fix)
    invocation.report(report, lambda: doctor_lines(report))
    return 0 if report.is_well else 1


def doctor_lines(report: "DoctorReport") -> list[str]:
    """Return the report: paths, then servers, then problems."""
    fields = [
        (
            "tarkpm",
            f"{report.tarkpm} on Python {report.python}, wasmtime {report.wasmtime}, {report.platform}",
        ),
        ("tark", report.tark or "not found on PATH"),
        ("Project", report.project),
        ("Plugins", report.plugins),
        ("State", report.state),
        ("Store", report.store),
        ("Confined by", ", ".join(report.confinement) or "nothing but limits"),
        ("Limits", _limits(report.limits)),
    ]
    lines = [f"{label + ':':<13} {neutral(value)}" for label, value in fields]
    for server in report.servers:
        mark = style("✓", fg="green") if server.reached else style("✗", fg="red")
        problem = f": {neutral(server.problem)}" if server.problem else ""
        lines.append(f"{mark} {server.kind} {neutral(server.address)}{problem}")
    missing = [f"this machine lacks {name}: plugins are less confined" for name in report.missing]
    lines += [f"{style('problem:', fg='red')} {text}" for text in missing]
    lines += [line for trouble in report.troubles for line in _trouble_lines(trouble)]
    return [*lines, style("✓ no problems found", fg="green")] if report.is_well else lines


def _limits(limits: dict[str, float]) -> str:
    """Format the limits that users meet."""
    from tarkpm.host.limits import size

    return (
        f"{limits['seconds']:g} s and {size(int(limits['memory']))} of memory a call, "
        f"{size(int(limits['output']))} of output, {limits['host_calls']:,.0f} host calls; "
        f"{limits['load_seconds']:g} s to load, {limits['compile_seconds']:g} s to compile"
    )


def _trouble_lines(trouble: "Trouble") -> list[str]:
    if trouble.fixed:
        mark = style("fixed:", fg="green")
    else:
        mark = style("note:", fg="cyan") if trouble.note else style("problem:", fg="red")
    lines = [f"{mark} {neutral(trouble.message)}"]
    lines += [f"  where: {neutral(trouble.where)}"] if trouble.where else []
    if trouble.fixed:
        return [*lines, f"  done: {neutral(trouble.fixed)}"]
    return lines + ([f"  help: {neutral(trouble.hint)}"] if trouble.hint else [])
