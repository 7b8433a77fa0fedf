"""Take compiled code from a bundle, where this user's own configuration allows it (docs/decisions/0244)."""

from collections.abc import Iterable

from tarkpm.core.text import some
from tarkpm.errors import HostError
from tarkpm.host.compile.cache import CompileCache, OfferedCode
from tarkpm.host.image import PluginImage
from tarkpm.host.limits import Limits
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.carried_code import CarriedCode


def take_code(workspace: Workspace, cache: CompileCache, images: Iterable[PluginImage]) -> None:
    """Keep the code that the bundle has for newly installed plugins. What is missing is compiled here.

    Notes whose code will run, and why other code will not.
    """
    code, missing = workspace.resource(CarriedCode), list[str]()
    for note in code.take_notes():
        workspace.ui.note(note)
    if code.offer is None:
        return
    taken = list[str]()
    for image in images:
        if not cache.has(image, Limits()):
            (taken if _take(workspace, cache, image, code.offer) else missing).append(image.name)
    if taken:
        workspace.ui.note(f"compiled by {code.offer.maker} instead of here: {some(taken)}")
    if missing:
        workspace.ui.note(f"compiled here, because the bundle has no code of it that fits: {some(missing)}")


def _take(workspace: Workspace, cache: CompileCache, image: PluginImage, offer: OfferedCode) -> bool:
    try:
        return cache.take(image, Limits(), offer)
    except HostError as problem:
        workspace.ui.note(f"the compiled code of '{image.name}' cannot be loaded: {problem.message}")
        return False
