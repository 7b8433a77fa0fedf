"""A bundle and a lock that fit each other: for what nobody signed, only what a user accepted decides."""

from dataclasses import replace
from pathlib import Path

from support.pull_requests import Forge, Option
from support.sandbox import Sandbox

from attacks.test_attack_source_swap import documents, option


def _carried(forged: Forge, machine: Sandbox, release: Option, ref: str) -> None:
    """Bring a project with this release to a machine, and a bundle of it that was made by another ``ref``."""
    lead, shown = forged.lead, documents(forged, release)
    requirement, entry = (
        text.replace('tag = "v1.2.0"', ref) for text in (release.requirement, release.entry)
    )
    before = {name: (lead.cwd / name).read_bytes() for name in ("tark.toml", "tark.lock")}
    try:
        documents(forged, replace(release, requirement=requirement, entry=entry)).write(lead.cwd)
        lead.run("bundle", "create", "-o", machine.cwd / "plugins.tar", "--accept-project").ok()
    finally:
        for name, data in before.items():
            (lead.cwd / name).write_bytes(data)
    shown.write(machine.cwd)


def test_other_contents_under_the_accepted_tag(forged: Forge, tmp_path: Path) -> None:
    """A fork's commit is locked under the accepted tag, and the bundle brings its files."""
    honest, fork = option(forged, "good-calc.git@v1.2.0"), option(forged, "(a fork's commit)")
    victim = Sandbox(tmp_path / "victim")
    _carried(forged, victim, honest, 'tag = "v1.2.0"')
    digest = victim.run("accept", "--print").ok().out.split()[-1].removeprefix("--accept-project=")
    victim.run("sync", "--bundle", "plugins.tar", f"--accept-project={digest}").ok()
    module = victim.plugins / "calc" / "plugin.wasm"
    installed = module.read_bytes()

    _carried(forged, victim, fork, 'branch = "fork"')
    asked = "run 'calc' unsigned with these contents: sha256:"
    victim.run("sync", "--bundle", "plugins.tar").failed(4, asked)
    assert module.read_bytes() == installed
    # Nor does the digest of the decisions that somebody read let it in on a new machine.
    other = Sandbox(tmp_path / "other")
    _carried(forged, other, fork, 'branch = "fork"')
    other.run("sync", "--bundle", "plugins.tar", f"--accept-project={digest}").failed(4)
    assert not other.plugins.exists() or not [*other.plugins.iterdir()]
