"""Keep what plugins used of their grants, as their host says it."""

import time
from collections.abc import Mapping

from tarkpm.core.capability import Capability
from tarkpm.host.image import PluginImage
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.working_copy import is_working_copy_data
from tarkpm.store.uses import UseCounts


def count_uses(settings: Settings, image: PluginImage, counts: Mapping[Capability, int]) -> None:
    """Add the uses of a plugin of a project.

    Those of a working copy are not kept: it has no grants to narrow.
    """
    if not is_working_copy_data(settings, image.data):
        by_text = {str(one): number for one, number in counts.items()}
        UseCounts(settings.paths.state).add(image.data, by_text, today())


def today() -> str:
    """Return the day in UTC, like 2026-11-28."""
    return time.strftime("%Y-%m-%d", time.gmtime())
