"""Compile big modules as they are installed, so that no first call waits for it.

Small ones are compiled in a few milliseconds when they are first called, which is less than starting a
compiler for each of them would take here (docs/decisions/0005).
"""

from tarkpm.errors import HostError, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.host.precompile import precompile
from tarkpm.ops.compiled import compile_cache
from tarkpm.ops.context import Workspace
from tarkpm.ops.hosting import load_image
from tarkpm.ops.install import BIG


def compile_big(workspace: Workspace, names: tuple[str, ...]) -> None:
    """Compile the big modules among plugins that were just installed; what cannot be compiled is a note."""
    images = [image for name in names if (image := _big(workspace, name))]
    if not images:
        return
    ready = 0

    def progress(image: PluginImage, problem: HostError | None) -> None:
        nonlocal ready
        ready += 1
        if problem is not None:
            workspace.ui.note(f"'{image.name}' cannot be compiled: {problem.message}")
        workspace.ui.busy(f"compiling {ready} of {len(images)}")

    workspace.ui.busy(f"compiling {images[0].name}")
    precompile(images, compile_cache(workspace.settings), progress=progress)


def _big(workspace: Workspace, name: str) -> PluginImage | None:
    entry = workspace.lock.get(name)
    installed = workspace.record.installed.get(name)
    if entry is None or installed is None:
        return None
    if max(file.size for file in installed.files) < BIG or not workspace.environment.is_enabled(name):
        return None
    try:
        return load_image(workspace, entry)
    except TarkError:
        return None
