"""Ask running plugins to define their tools, and keep in the store what matches the pins."""

from collections.abc import Collection, Sequence

from tarkpm.core.digest import FileEntry
from tarkpm.core.tool import MAX_DEFINITION, ToolDef, canonical
from tarkpm.errors import PluginFailed, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import PluginHost
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.images import load_images, load_target, open_host
from tarkpm.store.blobs import BlobStore


def ask_one(settings: Settings, ui: Ui, target: str, log: LogSink) -> tuple[str, Sequence[ToolDef]]:
    """Return the name of a plugin or working copy, and its tools. Raises `HostError`."""
    # A definition says what a tool is; asking for it must not need consent to what it does.
    image, images = load_target(settings, ui, target, ask=False)
    with open_host(settings, images, log=log) as host:
        return image.name, _ask(settings, host, image)


def ask_all(
    settings: Settings, ui: Ui, known: Collection[str], log: LogSink
) -> tuple[dict[str, Sequence[ToolDef]], dict[str, TarkError]]:
    """Return the tools of every enabled tool plugin that is not ``known``, and why others failed, by name."""
    images = load_images(settings, ui, type="tool", but=known)
    found: dict[str, Sequence[ToolDef]] = {}
    failed = dict(images.failed)
    if not images.by_name:
        return found, failed
    with open_host(settings, images, log=log) as host:
        for name, image in images.by_name.items():
            try:
                found[name] = _ask(settings, host, image)
            except TarkError as problem:
                failed[name] = problem
    return found, failed


def _ask(settings: Settings, host: PluginHost, image: PluginImage) -> Sequence[ToolDef]:
    tools = host.tools(image)
    if image.tools is not None:
        keep(BlobStore(settings.paths.cache), tools)
    return tools


def keep(store: BlobStore, tools: Sequence[ToolDef]) -> None:
    """Keep definitions in the store under their digests. Raises `PluginFailed` for one that is too large."""
    for tool in tools:
        data = canonical(tool)
        if len(data) > MAX_DEFINITION:
            raise PluginFailed(f"the definition of tool '{tool.name}' is too large", where=tool.name)
        entry = FileEntry.of(tool.name, data)
        if store.find(entry.sha256, MAX_DEFINITION) is None:  # also deletes a damaged one
            store.put(entry, data)
