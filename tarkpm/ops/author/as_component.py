"""From the core module that a toolchain built to the component that is installed."""

import shlex
from typing import TYPE_CHECKING

from tarkpm.core.text import some
from tarkpm.errors import BuildError, ModuleInvalid
from tarkpm.host.module.core_types import read_core_types
from tarkpm.host.module.inspect import inspect
from tarkpm.host.module.type_scope import Unreadable
from tarkpm.toolchains.component.componentize import CoreModule, Unconvertible, componentize
from tarkpm.toolchains.component.wit import read_package
from tarkpm.toolchains.resources import wit_files

if TYPE_CHECKING:
    from tarkpm.ops.author.building import BuildPlan


def as_component(plan: "BuildPlan", wasm: bytes) -> bytes:
    """Return the component of what a toolchain built; one of the older ABI stays a core module.

    Raises `BuildError` and `ModuleInvalid`.
    """
    where, kind = str(plan.made), plan.manifest.type
    try:
        info = inspect(wasm, where=where)
    except ModuleInvalid as problem:
        problem.hint = problem.hint or shlex.join(["tarkpm", "inspect", where])
        raise
    if info.kind == "component" or info.abi == "older tark ABI":
        return wasm
    package = read_package(text.decode() for text in wit_files().values())
    if f"{kind}-plugin" not in package.interfaces:
        types = some(
            [name.removesuffix("-plugin") for name in package.interfaces if name.endswith("-plugin")]
        )
        raise BuildError(f"there are no components of type '{kind}', only {types}", where=where)
    try:
        imports, exports = read_core_types(wasm)
        return componentize(CoreModule(wasm, tuple(imports), exports), package, kind)
    except Unconvertible as problem:
        hint = plan.toolchain.advice.get(problem.kind, "")
        raise BuildError(f"the module {problem}", where=where, hint=hint) from None
    except Unreadable as problem:
        raise ModuleInvalid(f"the module has {problem}", where=where) from None
