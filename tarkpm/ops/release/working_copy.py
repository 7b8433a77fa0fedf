"""A working copy: a plugin's folder that is run, checked and tested where it is, without installation."""

import hashlib
import os
import shlex
from pathlib import Path

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import PathSource
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import NotFound
from tarkpm.host.image import PluginImage
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.project.settings import Settings
from tarkpm.sources.folder import ReleaseFiles


class WorkingCopy(msgspec.Struct, frozen=True):
    """A plugin's folder as it was read once: what is checked, agreed to and run are the same bytes.

    ``folder`` is absolute, with links resolved, as the user named it; the plugin may be in its ``dist/``.
    """

    folder: Path
    collected: ReleaseFiles
    release: VerifiedRelease

    @property
    def manifest(self) -> Manifest:
        """Return the parsed plugin.toml."""
        return self.release.manifest

    @property
    def declared(self) -> CapabilitySet:
        """Return the capabilities that it declares and could be granted."""
        return self.manifest.capabilities.grantable()

    @property
    def manifest_file(self) -> Path:
        """Return where plugin.toml is."""
        return self.folder / self.collected.folder / MANIFEST

    @property
    def module_file(self) -> Path:
        """Return where the module is."""
        return self.folder / self.collected.folder / self.manifest.wasm

    @property
    def wasm(self) -> bytes:
        """Return the module."""
        return self.collected.files[self.manifest.wasm]

    @property
    def inspect_hint(self) -> str:
        """Return the command that shows the module."""
        return f"tarkpm inspect {shlex.quote(str(self.module_file))}"

    def image(self, granted: CapabilitySet, data: Path) -> PluginImage:
        """Return what runs: the bytes that were read, with exactly these capabilities and data folder."""
        manifest, file = self.manifest, str(self.module_file)
        return PluginImage(manifest.name, manifest.type, self.wasm, granted, data, manifest.oauth, file=file)


def read_working_copy(cwd: Path, path: str | Path) -> WorkingCopy:
    """Read the plugin in a folder, or in its ``dist/``; a relative path starts at ``cwd``.

    What is read is bounded, and links inside the folder are refused (`tarkpm.sources.path`). Raises
    `NotFound`, `ManifestError`, `TooLarge`, `Refused`.
    """
    from tarkpm.ops.release.fetch import read_folder

    folder = resolved(cwd / expanded(path))
    source = PathSource(str(folder))
    try:
        collected = read_folder(cwd, source)
    except NotFound as problem:
        if not any((folder / place / MANIFEST).is_file() for place in ("", "dist")):
            problem.hint = "name the folder that contains it, or create one: tarkpm new my-plugin --lang c"
        raise
    release = verify_release(collected.files, None, source, where=source.path, manifest=collected.manifest)
    return WorkingCopy(folder, collected, release)


def signer_of_copy(folder: Path) -> str:
    """Return what a card says about the signer of the working copy in a folder.

    Its files change while it is worked on, so a statement beside them is neither verified nor used.
    """
    is_signed = any((folder / place / STATEMENT).is_file() for place in ("", "dist"))
    return "a working copy: its signature is not used" if is_signed else "unsigned: a working copy"


def working_copy_data(settings: Settings, copy: WorkingCopy) -> Path:
    """Return its data folder, apart from that of every installed plugin and every other folder."""
    # Two folders may contain plugins of one name.
    place = hashlib.sha256(os.fsencode(copy.folder)).hexdigest()[:16]
    return _all_data(settings) / f"{copy.manifest.name}-{place}"


def is_working_copy_data(settings: Settings, data: Path) -> bool:
    """Return whether a data folder is that of a working copy."""
    return data.parent == _all_data(settings)


def _all_data(settings: Settings) -> Path:
    return settings.paths.data / "data" / "working-copies"
