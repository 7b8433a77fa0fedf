"""``tarkpm build``: build a plugin's module from its sources."""

from pathlib import Path

from tarkpm.ops.author.building import BuildReport, build_plugin, plan_build
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui


def build(settings: Settings, ui: Ui, folder: Path, *, compare: bool = False) -> BuildReport:
    """Build the plugin in ``folder``, unless nothing changed since its module was built.

    ``compare`` builds it twice, and raises `BuildError` if the results differ.
    The module is checked before it replaces the old one. Raises what `plan_build` and `build_plugin` raise.
    """
    return build_plugin(settings, ui, plan_build(settings, folder), compare=compare)
