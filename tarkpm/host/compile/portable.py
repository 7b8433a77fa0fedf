"""Code for other machines of this machine's platform: for any processor, and not kept in the cache."""

import contextlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from tarkpm.core.compiled import CompiledModule
from tarkpm.core.digest import Digest, sha256
from tarkpm.errors import ModuleInvalid
from tarkpm.host.compile.cache import named
from tarkpm.host.compile.compiler import compile_all
from tarkpm.host.compile.sealed_memory import is_mapped
from tarkpm.host.compile.target import settings, this_platform, wasmtime_version
from tarkpm.host.image import PluginImage
from tarkpm.host.limits import Limits
from tarkpm.host.module.outline import Outlined, outlined
from tarkpm.host.process import start
from tarkpm.host.worker.settings import BIG_MODULE
from tarkpm.host.worker_handle import check_image


class Machine(NamedTuple):
    """What code depends on besides its module, for machines to compare."""

    platform: str
    compiler: str
    settings: dict[str, bool | int | str]


def this_machine(limits: Limits | None = None) -> Machine:
    """Return what the code of this machine's compiler depends on. Raises `HostError` without a compiler."""
    found = settings((limits or Limits()).stack, mapped=is_mapped())
    return Machine(this_platform().name, wasmtime_version(), found)


def compile_portable(
    image: PluginImage, known: Collection[Digest] = (), limits: Limits | None = None
) -> Iterator[tuple[CompiledModule, bytes]]:
    """Yield the code of a module for every processor of this platform, its parts first.

    ``known`` are parts whose code the caller has. Raises as `compiler.compile_module` does, and
    `ModuleInvalid` for a module that is no plugin.
    """
    check_image(image)
    limits = limits or Limits()
    if len(image.wasm) >= BIG_MODULE and (cut := outlined(image.wasm)):
        # As in the cache: an error must be that of the module as its author knows it.
        with contextlib.suppress(ModuleInvalid):
            made = list(_outlined(image, cut, known, limits))
            yield from made
            return
    (code,) = _compiled([image], limits)
    yield _module(image, code)


def _outlined(
    image: PluginImage, cut: Outlined, known: Collection[Digest], limits: Limits
) -> Iterator[tuple[CompiledModule, bytes]]:
    digests = tuple(map(Digest, cut.digests))
    missing = {one: bytes(part) for one, part in zip(digests, cut.parts, strict=True) if one not in known}
    # Each in a process of its own, as in the cache.
    images = [msgspec.structs.replace(image, wasm=module) for module in (cut.rest, *missing.values())]
    rest, *made = _compiled(images, limits)
    for digest, code in zip(missing, made, strict=True):
        yield CompiledModule(digest, "part", sha256(code), len(code)), code
    yield _module(image, rest, digests)


def _compiled(images: list[PluginImage], limits: Limits) -> list[bytes]:
    made = compile_all(images, limits, start, mapped=is_mapped(), target=this_platform().triple)
    return list(map(bytes, made))


def _module(image: PluginImage, code: bytes, parts: tuple[Digest, ...] = ()) -> tuple[CompiledModule, bytes]:
    digest, kind = named(image)
    return CompiledModule(Digest(digest), kind, sha256(code), len(code), parts), code
