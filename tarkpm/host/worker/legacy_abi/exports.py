"""The parent's calls, implemented with the exports of the older ABI.

The calls have the names and the JSON answers of `tark:plugin` where it has an equivalent, so that the parent
need not distinguish the two kinds of plugins.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tarkpm.host.worker.legacy_abi.abi import LONG, SHORT
from tarkpm.host.worker.legacy_abi.documents import AnswerDocument, document, documents
from tarkpm.host.worker.legacy_abi.plugin import CallRefused, Plugin
from tarkpm.host.worker.wit import Mismatch

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Run = Callable[..., Any]
"""(plugin, the parent's arguments) -> the JSON answer."""


def _resulting(run: Run) -> Run:
    """Return a call whose answer is a WIT result: a refusal of the plugin is ``err``."""

    def wrapped(plugin: Plugin, *args: Any) -> Any:
        try:
            return {"ok": run(plugin, *args)}
        except CallRefused as refused:
            return {"err": str(refused)}

    return wrapped


# Signing in

_STATUS: Final = {
    "status": ("not-authenticated", "authenticated", "expired"),
    "provider_auth_status": ("not-required", "authenticated", "not-authenticated", "expired"),
    "channel_auth_status": ("not-required", "authenticated", "not-authenticated", "expired"),
}


def _status(*names: str) -> Run:
    def run(plugin: Plugin) -> str:
        name = plugin.first(*names)
        code = plugin.number(name)
        if not 0 <= code < len(_STATUS[name]):
            raise Mismatch(f"{name} returned {code}")
        return _STATUS[name][code]

    return run


def _logout(*names: str) -> Run:
    @_resulting
    def run(plugin: Plugin) -> None:
        plugin.do(plugin.first(*names))

    return run


def _init(*names: str) -> Run:
    @_resulting
    def run(plugin: Plugin, credentials: str) -> None:
        plugin.do(plugin.first(*names), credentials)

    return run


def _token(*names: str) -> Run:
    @_resulting
    def run(plugin: Plugin) -> Any:
        name = plugin.first(*names)
        said = plugin.ask(name, room=SHORT)
        token = said if name == "get_token" else document(name, said).text("access_token")
        # An empty text is not a token; the ABI has no other way to say that there is none.
        if not token:
            raise CallRefused(f"{name} returned nothing")
        return token

    return run


@_resulting
def _credentials(plugin: Plugin) -> dict[str, Any]:
    """Return the answer of `provider_auth_credentials`, or those of the older two functions combined."""
    if plugin.first("provider_auth_credentials", "get_token") == "get_token":
        token = plugin.ask("get_token", room=SHORT)
        endpoint = plugin.ask("get_endpoint", room=SHORT) if "get_endpoint" in plugin else None
        mode = "standard"
        return {
            "access-token": token,
            "api-mode": mode,
            "endpoint": endpoint,
            "project-id": None,
            "headers": [],
        }
    name = "provider_auth_credentials"
    found = document(name, plugin.ask(name, room=SHORT))
    return {
        "access-token": found.text("access_token"),
        "api-mode": found.text("api_mode", "cloud_code_assist"),
        "endpoint": found.text("endpoint", None),
        "project-id": found.text("project_id", None),
        "headers": found.pairs("custom_headers"),
    }


@_resulting
def _process_tokens(plugin: Plugin, tokens: str) -> str | None:
    if "auth_process_tokens" not in plugin:
        return None
    return plugin.ask("auth_process_tokens", tokens, room=LONG)


def _name(*names: str) -> Run:
    """Return a call for the display name, which is empty if no export gives one."""

    def run(plugin: Plugin) -> Any:
        name = next((name for name in names if name in plugin), "")
        if not name:
            return ""
        said = plugin.ask(name, room=SHORT)
        return said if name == "display_name" else document(name, said).text("display_name")

    return run


# Providers


def _models(plugin: Plugin) -> list[Any]:
    name = plugin.first("provider_models")
    return [model.text("id") for model in documents(name, plugin.ask(name, room=LONG))]


@_resulting
def _chat(plugin: Plugin, messages: list[dict[str, str]], model: str) -> dict[str, Any]:
    name = plugin.first("provider_chat")
    found = document(name, plugin.ask(name, _encode(messages), model, room=LONG))
    usage = found.inside("usage")
    counted = usage and {
        "input-tokens": usage.number("input_tokens"),
        "output-tokens": usage.number("output_tokens"),
    }
    return {"text": found.text("text"), "usage": counted}


# Channels


def _channel_info(plugin: Plugin) -> dict[str, Any]:
    found = document("channel_info", plugin.ask("channel_info", room=SHORT))
    return {
        "id": found.text("id"),
        "display_name": found.text("display_name"),
        "description": found.text("description", ""),
        "supports_streaming": found.flag("supports_streaming", default=False),
        "supports_edits": found.flag("supports_edits", default=False),
    }


@_resulting
def _channel_start(plugin: Plugin) -> None:
    plugin.do("channel_start")


@_resulting
def _channel_stop(plugin: Plugin) -> None:
    plugin.do("channel_stop")


def _message(found: AnswerDocument) -> dict[str, Any]:
    return {
        "conversation_id": found.text("conversation_id"),
        "user_id": found.text("user_id"),
        "text": found.text("text"),
        "metadata": found.text("metadata_json", ""),
    }


@_resulting
def _channel_poll(plugin: Plugin) -> list[Any]:
    name = plugin.first("channel_poll")
    return [_message(found) for found in documents(name, plugin.ask(name, room=LONG))]


@_resulting
def _channel_event(plugin: Plugin, event: str) -> list[Any]:
    name = plugin.first("channel_handle_gateway_event")
    return [_message(found) for found in documents(name, plugin.ask(name, event, room=LONG))]


@_resulting
def _channel_send(plugin: Plugin, request: dict[str, Any]) -> dict[str, Any]:
    found = document("channel_send", plugin.ask("channel_send", _encode(request), room=LONG))
    return {
        "success": found.flag("success"),
        "message_id": found.text("message_id", None),
        "error": found.text("error", None),
    }


@_resulting
def _channel_webhook(plugin: Plugin, request: dict[str, Any]) -> dict[str, Any]:
    name = plugin.first("channel_handle_webhook")
    found = document(name, plugin.ask(name, _encode(request), room=LONG))
    return {
        "status": found.number("status"),
        "headers": found.pairs("headers"),
        "body": found.text("body", ""),
        "messages": [_message(message) for message in found.several("messages")],
    }


@_resulting
def _channel_widget(plugin: Plugin) -> str:
    return plugin.ask(plugin.first("channel_widget_state"), room=SHORT)


FUNCTIONS: Final[Mapping[str, Mapping[str, Run]]] = {
    "auth": {
        "display-name": _name("display_name", "provider_info"),
        "status": _status("status", "provider_auth_status"),
        "get-token": _token("get_token", "provider_auth_credentials"),
        "logout": _logout("logout", "provider_auth_logout"),
        "init": _init("init_with_credentials", "provider_auth_init"),
        "process-tokens": _process_tokens,
        "credentials": _credentials,
    },
    "provider": {
        "display-name": _name("provider_info", "display_name"),
        "status": _status("provider_auth_status", "status"),
        "get-token": _token("provider_auth_credentials", "get_token"),
        "logout": _logout("provider_auth_logout", "logout"),
        "init": _init("provider_auth_init", "init_with_credentials"),
        "process-tokens": _process_tokens,
        "credentials": _credentials,
        "name": _name("provider_info"),
        "models": _models,
        "chat": _chat,
    },
    "channel": {
        "display-name": _name("channel_info"),
        "status": _status("channel_auth_status"),
        "logout": _logout("channel_auth_logout"),
        "init": _init("channel_auth_init"),
        "process-tokens": _process_tokens,
        "channel-info": _channel_info,
        "channel-start": _channel_start,
        "channel-stop": _channel_stop,
        "channel-poll": _channel_poll,
        "channel-event": _channel_event,
        "channel-send": _channel_send,
        "channel-webhook": _channel_webhook,
        "channel-widget": _channel_widget,
    },
}
"""The calls by plugin type and name."""
