"""Former dependencies that a change leaves without a use."""

from collections.abc import Collection

from tarkpm.core.lockfile import Lock
from tarkpm.core.project import Project
from tarkpm.core.release import PluginName


def abandoned(project: Project, old: Lock, entries: Collection[str]) -> list[PluginName]:
    """Return the former dependencies that nothing needs any more: their grants are removed with them."""
    return [
        entry.name
        for entry in old.entries
        if entry.name not in entries and entry.name not in project.requirements
    ]
