"""Calls from Python into a component, and from a component into Python, through wasmtime's C API.

This replaces wasmtime-py's own calls, which look up every type again in each call: that took more than half
of a call's time. Here the types of `wit` were compared with the component's when it was loaded. wasmtime-py
also keeps exceptions in module globals, which fails with several threads; nothing here is global.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime import Store, WasmtimeError, component
from wasmtime import _ffi as ffi

from tarkpm.host.ipc.frames import Texts
from tarkpm.host.worker.compound import Function
from tarkpm.host.worker.wit import Meter, Value

_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NO_FINALIZER = _FINALIZER(0)


def call(function: Function, found: component.Func, store: Store, args: list[Any], meter: Meter) -> Any:
    """Call a guest's function with JSON arguments. Returns its JSON result; ``meter.texts`` has long texts.

    Raises `Mismatch`, `TooMuch`, and `WasmtimeError` for a trap.
    """
    params = list(function.params.values())
    given = (Value * len(params))()
    answer = Value()
    try:
        for param, arg, value in zip(params, args, given, strict=True):
            param.lower(arg, value)
        error = ffi.wasmtime_component_func_call(
            ctypes.byref(found._func), store._context(), given, len(params),
            ctypes.byref(answer), 1 if function.result else 0,
        )  # fmt: skip
        if error:  # type: ignore[truthy-bool]  # a null pointer is false
            raise WasmtimeError._from_ptr(error)
        return function.result.lift(answer, meter) if function.result else None
    finally:  # valid at every moment, see `wit`: so this is safe after a failure in the middle
        for value in (*given, answer):
            ffi.wasmtime_component_val_delete(ctypes.byref(value))


class HostFunction:
    """A host function for a guest. Keep it as long as its linker: wasmtime holds a bare C pointer to it."""

    def __init__(
        self,
        function: Function,
        answer: Callable[[list[Any], Texts], Any],
        limit: int,
        fault: Callable[..., None],
    ) -> None:
        """Wrap ``answer``, which gets JSON arguments of at most ``limit`` bytes and their long texts.

        ``fault`` gets each exception that ``answer`` raises.
        """
        self._function = function
        self._params = list(function.params.values())
        self._answer = answer
        self._limit = limit
        self._fault = fault
        self._callback = ffi.wasmtime_component_func_callback_t(self._called)

    def add_to(self, linker: component.LinkerInstance, name: str) -> None:
        """Define this function as ``name``."""
        encoded = name.encode()
        # No data and no finalizer: the callback is a bound method, which `_doors` keeps alive.
        error = ffi.wasmtime_component_linker_instance_add_func(
            linker.ptr(), ctypes.create_string_buffer(encoded), len(encoded),
            self._callback, None, _NO_FINALIZER,
        )  # fmt: skip
        if error:  # type: ignore[truthy-bool]  # a null pointer is false
            raise WasmtimeError._from_ptr(error)

    def _called(
        self, _data: Any, _context: Any, _type: Any, args: Any, _n: int, results: Any, _m: int
    ) -> int:
        """Answer a call from wasmtime.

        An exception must not leave this function: ctypes would drop it, and wasmtime would read an unset
        result.
        """
        try:
            meter = Meter(self._limit)
            given = [param.lift(args[index], meter) for index, param in enumerate(self._params)]
            answer = self._answer(given, meter.texts)
            if self._function.result is not None:
                self._function.result.lower(answer, results[0])
        except BaseException as problem:  # noqa: BLE001  # no Python exception may unwind wasmtime's frames
            self._fault(problem)
            error = WasmtimeError("the host call failed")
            return ctypes.cast(error._consume(), ctypes.c_void_p).value or 0
        return 0
