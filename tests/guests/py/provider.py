"""The provider plugin of plugins/openai-compat, in Python."""
# componentize-py makes wit_world out of wit/, which mypy does not see:
# mypy: ignore-errors

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.provider_plugin import ChatResponse, Usage
from wit_world.imports import env, http, log


def _base():
    return env.get("OPENAI_BASE_URL") or "https://api.openai.com"


def _headers():
    key = env.get("OPENAI_API_KEY") or ""
    return [("authorization", f"Bearer {key}"), ("content-type", "application/json")]


class ProviderPlugin(exports.ProviderPlugin):
    """What provider-world exports."""

    def name(self):
        return "openai-compat"

    def models(self):
        try:
            answer = http.get(f"{_base()}/v1/models", _headers())
        except Err as e:
            log.warn(e.value.message)
            return []
        return [model["id"] for model in json.loads(answer.body)["data"]] if answer.status == 200 else []

    def chat(self, messages, model):
        turns = [{"role": m.role.name.lower(), "content": m.content} for m in messages]
        body = json.dumps({"model": model, "messages": turns})
        try:
            answer = http.post(f"{_base()}/v1/chat/completions", body, _headers())
        except Err as e:
            raise Err(e.value.message) from None
        if answer.status != 200:
            raise Err(f"HTTP {answer.status}: {answer.body[:200]}")
        found = json.loads(answer.body)
        usage = found.get("usage")
        tokens = Usage(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
        return ChatResponse(found["choices"][0]["message"]["content"], tokens)
