"""The plugins in plugins/."""

from typing import Final

from support.sandbox import PLUGINS

ALL: Final = sorted(file.parent for file in PLUGINS.glob("*/plugin.toml"))
INTERPRETED: Final = {"fetch-page": "javascript", "notes": "python"}
"""Those that contain an interpreter: their modules are large, and no two builds are equal."""
BUILT: Final = [folder for folder in ALL if folder.name not in INTERPRETED]
"""Those whose module is in the repository. A module beside the others is somebody's own build."""
