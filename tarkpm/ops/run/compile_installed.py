"""Compile big modules at installation, so that the first call does not wait.

Small modules compile in a few milliseconds at the first call, less than starting a compiler for each would
take here (docs/decisions/0005).
"""

import contextlib
from functools import partial

from tarkpm.errors import HostError, TarkError
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.compile.precompile import precompile
from tarkpm.host.image import PluginImage
from tarkpm.host.limits import Limits
from tarkpm.io.parallel import batches
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import MEMORY
from tarkpm.ops.release.installed import BIG
from tarkpm.ops.run.compile_cache import compile_cache
from tarkpm.ops.run.images import load_image


def compile_big(workspace: Workspace, names: tuple[str, ...]) -> None:
    """Compile the big modules of installed plugins, where there is no code; notes what cannot be compiled."""
    cache = compile_cache(workspace.settings)
    # Before the modules are read: what an earlier installation compiled is not needed.
    names = tuple(name for name in names if _is_needed(workspace, cache, name))
    ready = 0

    def progress(image: PluginImage, problem: HostError | None) -> None:
        nonlocal ready
        ready += 1
        if problem is not None:
            workspace.ui.note(f"'{image.name}' cannot be compiled: {problem.message}")
        workspace.ui.busy(f"compiling {ready} of {len(names)}")

    for group in batches(names, partial(_size, workspace), MEMORY):
        workspace.ui.busy(f"compiling {group[0]}")
        images = _images(workspace, group)
        if workspace.settings.bundle:
            from tarkpm.ops.run.taken_code import take_code

            take_code(workspace, cache, images)
        precompile(images, cache, progress=progress)


def _is_needed(workspace: Workspace, cache: CompileCache, name: str) -> bool:
    """Return whether a plugin that may run has a big module whose code is not in the cache."""
    installed = workspace.record.installed.get(name)
    if installed is None or not workspace.is_enabled(name):
        return False
    return any(file.size >= BIG and not cache.has_code_of(file.sha256, Limits()) for file in installed.files)


def _size(workspace: Workspace, name: str) -> int:
    return sum(file.size for file in workspace.record.installed[name].files)


def _images(workspace: Workspace, names: list[str]) -> list[PluginImage]:
    """Return the images of those plugins that can be loaded."""
    images = []
    for entry in filter(None, map(workspace.lock.get, names)):
        # Compiling ahead only saves time: what cannot be loaded is reported by its first call.
        with contextlib.suppress(TarkError):
            images.append(load_image(workspace, entry))
    return images
