"""``tarkpm build``: build a plugin's module from its sources."""

from pathlib import Path

from tarkpm.ops.author.building import BuildReport, build_plugin, plan_build
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui


def build(settings: Settings, ui: Ui, folder: Path) -> BuildReport:
    """Build the plugin in ``folder``, unless nothing changed since its module was built.

    The module is checked before it replaces the old one. Raises what `plan_build` and `build_plugin` raise.
    """
    return build_plugin(settings, ui, plan_build(settings, folder))
