"""Run one test case of a plugin, and judge its outcome."""

import os
from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from tarkpm.core.capability import Capability
from tarkpm.core.case import Case
from tarkpm.core.case_calls import ChannelCall
from tarkpm.core.chat import Message
from tarkpm.core.compared import difference, is_equal, is_part
from tarkpm.core.text import neutral, some
from tarkpm.errors import HostError, PluginFailed
from tarkpm.host.channel_plugin import ChannelPlugin, Outbound
from tarkpm.host.image import PluginImage
from tarkpm.host.runtime import PluginHost
from tarkpm.ops.author.world import World


class CaseMismatch(msgspec.Struct, frozen=True):
    """One way in which a case failed, with the lines of the difference: ``-`` expected, ``+`` found."""

    message: str
    diff: tuple[str, ...] = ()


class CaseOutcome(msgspec.Struct, frozen=True):
    """What a plugin returned: its output, or its error's message."""

    output: str = ""
    error: str | None = None


def run(host: PluginHost, image: PluginImage, case: Case) -> CaseOutcome:
    """Make the call of a case; whatever a plugin does wrong is its outcome."""
    try:
        if case.call:
            result = host.call(image, case.call, case.arguments_text)
            failed = None if result.success else result.error or ""
            return CaseOutcome(result.output, failed)
        if case.chat is not None:
            turns = [Message("system", case.chat.system)] if case.chat.system else []
            turns += case.chat.messages
            turns += [Message("user", case.chat.prompt)] if case.chat.prompt else []
            return CaseOutcome(host.chat(image, turns, case.chat.model).text)
        if case.hook is not None:
            return _hook(host, image, case.hook.event, case.hook.payload)
        if case.channel:
            return CaseOutcome(_channel(host.channel(image), case.channel))
        return CaseOutcome(_auth(host, image, case))
    except HostError as problem:
        return CaseOutcome(error=problem.message)


def _hook(host: PluginHost, image: PluginImage, event: str, payload: object) -> CaseOutcome:
    text = _json_text(payload)
    if event not in host.hook_events(image):
        return CaseOutcome(error=f"does not handle the event '{event}'")
    found = host.hook_handle(image, event, text)
    if found.action == "stop":
        return CaseOutcome(error=found.reason or "stopped")
    return CaseOutcome(found.payload or "" if found.action == "replace" else text)


def _auth(host: PluginHost, image: PluginImage, case: Case) -> str:
    if not isinstance(case.auth, str):
        return msgspec.json.encode(host.poll(image, case.auth.poll)).decode()
    match case.auth:
        case "name":
            return host.display_name(image)
        case "status":
            return host.auth_status(image)
        case "start":
            return msgspec.json.encode(host.start_device_flow(image)).decode()
        case "token":
            return host.get_token(image)
    host.logout(image)
    return ""


def _channel(channel: ChannelPlugin, asked: str | ChannelCall) -> str:
    match asked:
        case "info":
            return msgspec.json.encode(channel.info()).decode()
        case "status":
            return channel.status()
        case "logout":
            channel.logout()
            return ""
        case ChannelCall(authenticate=credentials) if credentials is not UNSET:
            channel.authenticate(_json_text(credentials))
            return channel.status()
    channel.start()  # `tarkpm channel` starts it, too, before it sends and polls
    try:
        return _started(channel, asked)
    finally:
        channel.stop()


def _started(channel: ChannelPlugin, asked: str | ChannelCall) -> str:
    if isinstance(asked, str):
        return msgspec.json.encode(channel.poll()).decode()
    if asked.send is None:
        return msgspec.json.encode(channel.event(_json_text(asked.event))).decode()
    sent = channel.send(Outbound(asked.send.conversation_id, asked.send.text, asked.send.message_id))
    if not sent.success:
        raise PluginFailed(sent.error or "the message was not sent")
    return sent.message_id or ""


def _json_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def judge(case: Case, outcome: CaseOutcome, world: World) -> Iterator[CaseMismatch]:
    """Yield every expectation that the outcome does not meet."""
    expect, denied = case.expect, world.denied()
    yield from _refusals(expect.denied, denied)
    if world.unanswered:
        asked = "; ".join(dict.fromkeys(world.unanswered))
        yield CaseMismatch(f"the case has no answer for {neutral(asked, limit=400)}")
    yield from (CaseMismatch(neutral(text, limit=400), lines) for text, lines in world.missent)
    if expect.error is not UNSET:
        yield from _error(str(expect.error), outcome)
    elif outcome.error is not None:
        if expect.result is not UNSET or expect.contains is not UNSET or not expect.denied:
            yield CaseMismatch(f"failed: {neutral(outcome.error, limit=400)}")
    elif expect.result is not UNSET and not is_equal(expect.result, outcome.output):
        yield CaseMismatch("the result differs", difference(expect.result, outcome.output))
    elif expect.contains is not UNSET and not is_part(expect.contains, outcome.output):
        lines = difference(expect.contains, outcome.output)
        yield CaseMismatch("the result does not contain what is expected", lines)
    yield from _files(case, world)
    yield from _stored(case, world)


def _refusals(expected: tuple[Capability, ...], denied: list[Capability]) -> Iterator[CaseMismatch]:
    for one in expected:
        if not any(one.covers(other) for other in denied):
            found = some([str(other) for other in denied]) or "nothing"
            yield CaseMismatch(f"expected '{one}' to be asked for and refused, found {found}")


def _error(expected: str, outcome: CaseOutcome) -> Iterator[CaseMismatch]:
    if outcome.error is None:
        found = neutral(outcome.output, limit=200)
        yield CaseMismatch(f"expected an error with {expected!r}, found the result {found!r}")
    elif expected not in outcome.error:
        yield CaseMismatch("the error does not contain what is expected", difference(expected, outcome.error))


def _files(case: Case, world: World) -> Iterator[CaseMismatch]:
    for name, text in case.expect.files.items():
        place = world.place(name)
        if isinstance(text, bool):
            if os.path.lexists(place):
                yield CaseMismatch(f"the file {name!r} exists")
            continue
        found = place.read_text("utf-8", "replace") if place.is_file() else None
        if found is None:
            yield CaseMismatch(f"the file {name!r} does not exist")
        elif found != text:
            yield CaseMismatch(f"the file {name!r} differs", difference(text, found))


def _stored(case: Case, world: World) -> Iterator[CaseMismatch]:
    for key, text in case.expect.storage.items():
        value = world.stored(key)
        if isinstance(text, bool):
            if value is not None:
                yield CaseMismatch(f"the storage has the key {key!r}")
        elif value is None:
            yield CaseMismatch(f"the storage has no key {key!r}")
        elif not is_equal(text, value):
            yield CaseMismatch(f"the key {key!r} of the storage differs", difference(text, value))
