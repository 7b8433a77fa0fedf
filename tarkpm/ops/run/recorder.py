"""Record a call of a tool: its host calls, arguments and result, without secrets.

`listening` stands in front of the interfaces that serve a plugin, so a recorder hears what a trace hears,
before anything is masked. Secrets are what a trace masks by place and by name, the values of variables, and
those that the user bound to the plugin. They are masked wherever the call repeats them: in its result, in
URLs, in what it stores, also as base64 or in a URL's escapes (`core.masking`).
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import Any, Final

import msgspec

from tarkpm.core.capability import Capability
from tarkpm.core.masking import Mask
from tarkpm.core.recorded import RecordedCall, RecordedHostCall
from tarkpm.core.secret import MAX_VALUE, MIN_LENGTH
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports import Interface, Lacking
from tarkpm.host.imports.storage import Storage
from tarkpm.host.trace import masked_answer, masked_args, masked_text
from tarkpm.store.call_ring import MAX_CALL

MAX_HOST_CALLS: Final = 500
MAX_SECRETS: Final = 500
"""Different texts that are masked in one call: a plugin could name ever new ones."""
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|token|bot)\s+(?=\S)")
_UNHEARD: Final = ("log", "clock", "random")
"""Interfaces that a replay answers by itself."""


class Recorder:
    """Records one call of one plugin. Not thread-safe."""

    def __init__(self, module: str, known: Callable[[], Mask], variables: Collection[str] = ()) -> None:
        """``module`` is the digest of its code; ``known`` returns the mask of the secrets bound to it.

        ``variables`` are the values of those it was granted: an earlier call may have stored one.
        """
        self._module, self._read_known, self._variables = module, known, variables
        self._calls: list[RecordedHostCall] = []
        self._secrets: set[str] = set()
        self._size = 0
        self._left_out = ""

    def heard(self, interface: str, function: str, args: tuple[Any, ...], answer: Any) -> None:
        """Note a host call that was answered."""
        if interface == "ws":
            self._leave_out("it used a WebSocket")
        if interface == "env" and isinstance(answer, str) and answer and not _is_maskable(answer):
            self._leave_out(f"the value of {args[0]} is too short or too unusual to be masked")
        if self._left_out:
            return
        call = RecordedHostCall(
            interface,
            function,
            masked_args(interface, function, args, self._hide),
            masked_answer(interface, function, answer, args, self._hide),
        )
        self._size += len(msgspec.json.encode(call))
        self._calls.append(call)
        if self._size > MAX_CALL or len(self._calls) > MAX_HOST_CALLS:
            self._leave_out("it asked its host for more than is kept of a call")

    def recorded(
        self, at: int, tool: str, arguments: str, output: str = "", error: str | None = None
    ) -> RecordedCall:
        """Return the record of the call, made ``at`` milliseconds since the epoch."""
        texts = [masked_text(text, self._hide) for text in (arguments, output, error or "")]
        if len(self._secrets) > MAX_SECRETS:
            self._leave_out("it named more secrets than are masked in a call")
        short = RecordedCall(at, self._module, _covered(tool, [self._known], []))
        if not self._left_out:
            masks, others = self._masks()
            arguments, output, failed = (_covered(text, masks, others) for text in texts)
            calls = tuple(
                RecordedHostCall(
                    one.interface,
                    one.function,
                    _covered(one.args, masks, others),
                    _covered(one.answer, masks, others),
                )
                for one in self._calls
            )
            whole = msgspec.structs.replace(
                short,
                arguments=arguments,
                output=output,
                error=None if error is None else failed,
                host_calls=calls,
            )
            if len(msgspec.json.encode(whole)) <= MAX_CALL:
                return whole
            self._leave_out(f"it is larger than {MAX_CALL // 1024} KiB")
        return msgspec.structs.replace(short, left_out=self._left_out)

    @cached_property
    def _known(self) -> Mask:
        return self._read_known()

    def _masks(self) -> tuple[list[Mask], list[str]]:
        """Return the masks of what was heard, and other texts, which are masked only as they are."""
        heard = Mask()
        secrets = self._secrets | {*self._variables}
        for text in secrets:
            if _is_maskable(text):
                heard.add(text)
        others = {text for text in secrets if len(text) >= MIN_LENGTH and not _is_maskable(text)}
        others |= {json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in others for ascii_ in (True, False)}
        return [self._known, heard], sorted(others, key=len, reverse=True)

    def _leave_out(self, why: str) -> None:
        self._left_out = self._left_out or why
        self._calls.clear()

    def _hide(self, value: str, unit: str) -> str:
        """Remember a secret, and return what stands for it. A `Hide`."""
        if not unit:  # found by its name, which may be in JSON: that must stay JSON
            if value in ("null", "true", "false"):
                return value
            bare = value.lstrip("[{(")
            if bare != value:
                return value[: len(value) - len(bare)] + self._hide(bare, unit) if bare else value
        if len(self._secrets) <= MAX_SECRETS:
            self._secrets |= {value, _SCHEME.sub("", value, count=1)}
        if not unit and value.isascii() and value.isdigit():
            return "1" * len(value)
        return "*" * len(value)


def listening(real: Interfaces, recorder: Callable[[str], Recorder | None]) -> Interfaces:
    """Return what serves plugins as ``real`` does; ``recorder`` says what hears the plugin of a name now."""

    def interfaces(image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
        # The host's own storage, so that it is heard as well.
        served = {"storage": Storage(image.data, report), **real(image, report)}
        hears = partial(recorder, image.name)
        return {
            name: one if name in _UNHEARD else _Listening(hears, name, one) for name, one in served.items()
        }

    return interfaces


class _Listening:
    """One interface, behind which every answered call is heard."""

    def __init__(self, recorder: Callable[[], Recorder | None], name: str, real: Interface) -> None:
        self._recorder, self._name, self._real = recorder, name, real

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Answer one host call."""
        answer = self._real.call(function, args, deadline)
        if (recorder := self._recorder()) is not None:
            recorder.heard(self._name, function, args, answer)
        return answer

    @property
    def lacked(self) -> Mapping[Capability, int]:
        """Return how often a grant was missing, by that grant."""
        return self._real.lacked if isinstance(self._real, Lacking) else {}

    def close(self) -> None:
        """Close the implementation."""
        self._real.close()


def _is_maskable(text: str) -> bool:
    """Return whether all spellings of a text are found. Others are masked only as they are."""
    return MIN_LENGTH <= len(text) <= MAX_VALUE and text.isascii() and text.isprintable()


def _covered(value: Any, masks: list[Mask], others: list[str]) -> Any:
    """Return a JSON value in which no secret is left, each as stars of the same length."""
    if isinstance(value, str):
        for text in others:
            value = value.replace(text, "*" * len(text))
        for mask in masks:
            value = mask.text(value)
        return value
    if isinstance(value, list | tuple):
        return [_covered(item, masks, others) for item in value]
    if isinstance(value, dict):
        return {_covered(key, masks, others): _covered(item, masks, others) for key, item in value.items()}
    return value
