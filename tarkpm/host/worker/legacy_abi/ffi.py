"""Calls from Python into a core module, and from a core module into Python, through wasmtime's C API.

This does for core modules what `worker.ffi` does for components, for the same reasons: the signatures were
compared when the module was loaded, so no type is looked up again, and nothing is global. Only i32 and i64
are passed.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Func, FuncType, Linker, Store, Trap, ValType, WasmtimeError
from wasmtime import _ffi as ffi

from tarkpm.host.worker.legacy_abi.abi import Signature

_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NO_FINALIZER = _FINALIZER(0)
_KINDS: Final = {"i": ffi.WASMTIME_I32.value, "I": ffi.WASMTIME_I64.value}
_FIELDS: Final = {"i": "i32", "I": "i64"}

CoreAnswer = Callable[[Any, list[int]], int | None]
"""(the caller's context, its arguments as signed integers) -> the result."""


class Export:
    """An exported function of a guest, whose signature was checked."""

    def __init__(self, found: Func, signature: Signature) -> None:
        self._func = ctypes.byref(found._func)
        self._keep = found
        self._params, self._result = signature

    def call(self, store: Store, *args: int) -> int:
        """Call the function. Returns 0 if it has no result. Raises `Trap` and `WasmtimeError`."""
        given = (ffi.wasmtime_val_t * len(args))()
        for value, kind, arg in zip(given, self._params, args, strict=True):
            value.kind = _KINDS[kind]
            setattr(value.of, _FIELDS[kind], arg)
        answer = ffi.wasmtime_val_t()
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        error = ffi.wasmtime_func_call(
            store._context(), self._func, given, len(args),
            ctypes.byref(answer), 1 if self._result else 0, ctypes.byref(trap),
        )  # fmt: skip
        if error:  # type: ignore[truthy-bool]  # a null pointer is false
            raise WasmtimeError._from_ptr(error)
        if trap:  # type: ignore[truthy-bool]
            raise Trap._from_ptr(trap)
        return int(getattr(answer.of, _FIELDS[self._result])) if self._result else 0


class CoreHostFunction:
    """A host function for a guest. Keep it as long as its linker: wasmtime holds a bare C pointer to it."""

    def __init__(
        self, signature: Signature, answer: CoreAnswer, fault: Callable[[BaseException], None]
    ) -> None:
        """Wrap ``answer``. ``fault`` gets each exception it raises, and the guest traps."""
        self._params, self._result = signature
        self._fields = [_FIELDS[kind] for kind in self._params]
        self._answer = answer
        self._fault = fault
        self._callback = ffi.wasmtime_func_callback_t(self._called)

    def add_to(self, linker: Linker, module: str, name: str) -> None:
        """Define this function as ``name`` of ``module``."""
        types = {"i": ValType.i32(), "I": ValType.i64()}
        ty = FuncType([types[kind] for kind in self._params], [types[kind] for kind in self._result])
        where, what = module.encode(), name.encode()
        error = ffi.wasmtime_linker_define_func(
            linker.ptr(), ctypes.create_string_buffer(where), len(where),
            ctypes.create_string_buffer(what), len(what), ty.ptr(), self._callback, None, _NO_FINALIZER,
        )  # fmt: skip
        if error:  # type: ignore[truthy-bool]  # a null pointer is false
            raise WasmtimeError._from_ptr(error)

    def _called(self, _data: Any, caller: Any, args: Any, _n: int, results: Any, _m: int) -> int:
        """Answer a call from wasmtime.

        An exception must not leave this function: ctypes would drop it, and wasmtime would read an unset
        result.
        """
        try:
            given = [getattr(args[index].of, field) for index, field in enumerate(self._fields)]
            answer = self._answer(ffi.wasmtime_caller_context(caller), given)
            if self._result:
                results[0].kind = _KINDS[self._result]
                setattr(results[0].of, _FIELDS[self._result], answer)
        except BaseException as problem:  # noqa: BLE001  # no Python exception may unwind wasmtime's frames
            self._fault(problem)
            trap = Trap("the host call failed")
            return ctypes.cast(trap._consume(), ctypes.c_void_p).value or 0
        return 0
