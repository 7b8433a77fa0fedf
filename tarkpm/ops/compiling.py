"""Compile big modules as they are installed, so that no first call waits for it.

Small ones are compiled in a few milliseconds when they are first called, which is less than starting a
compiler for each of them would take here (docs/decisions/0005).
"""

import contextlib
from collections.abc import Iterator

from tarkpm.errors import HostError, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.host.precompile import precompile
from tarkpm.ops.compiled import compile_cache
from tarkpm.ops.context import Workspace
from tarkpm.ops.hosting import load_image
from tarkpm.ops.install import BIG
from tarkpm.ops.staging import MEMORY


def compile_big(workspace: Workspace, names: tuple[str, ...]) -> None:
    """Compile the big modules among plugins that were just installed; what cannot be compiled is a note."""
    names = tuple(name for name in names if _is_big(workspace, name))
    ready = 0

    def progress(image: PluginImage, problem: HostError | None) -> None:
        nonlocal ready
        ready += 1
        if problem is not None:
            workspace.ui.note(f"'{image.name}' cannot be compiled: {problem.message}")
        workspace.ui.busy(f"compiling {ready} of {len(names)}")

    for images in _loaded(workspace, names):
        workspace.ui.busy(f"compiling {images[0].name}")
        precompile(images, compile_cache(workspace.settings), progress=progress)


def _is_big(workspace: Workspace, name: str) -> bool:
    installed = workspace.record.installed.get(name)
    if installed is None or max(file.size for file in installed.files) < BIG:
        return False
    return workspace.environment.is_enabled(name)


def _loaded(workspace: Workspace, names: tuple[str, ...]) -> Iterator[list[PluginImage]]:
    """What can be loaded, in groups that are held in memory together."""
    images: list[PluginImage] = []
    for name in names:
        if entry := workspace.lock.get(name):
            with contextlib.suppress(TarkError):
                images.append(load_image(workspace, entry))
        if sum(len(image.wasm) for image in images) > MEMORY:
            yield images
            images = []
    if images:
        yield images
