"""The provider plugins as OpenAI's API: what each request of a client gets.

Every request passes the same steps: its ``Host`` is this server, it is not a web page's, it has the token,
its body is read and checked, its model is known, and the plugin answers within its limits. A plugin that
fails is an error response; the next request starts it again.
"""

import secrets
import threading
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from tarkpm.core.chat import ChatResponse
from tarkpm.core.local_access import LoopbackAddress, has_token, is_addressed, is_of_a_page
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.openai.refusal import INVALID, LIMITED, SERVER, ApiRefusal, error_body
from tarkpm.core.openai.request import ChatRequest, read_chat
from tarkpm.core.openai.response import (
    Answer,
    Model,
    completion,
    cut_at,
    events,
    model_body,
    model_from,
    model_list,
)
from tarkpm.core.text import masked
from tarkpm.errors import TarkError
from tarkpm.io.local_server import Head, Reply
from tarkpm.ops.run.providers import FRESH, Providers

MAX_ANSWERS: Final = 8
"""Requests that are answered at once; plugins keep each of them in memory."""
_RELIST: Final = 5.0
"""Seconds after which an unknown model is looked for again."""

_LATER: Final = ("retry-after", "1")
_CHAT: Final = "/v1/chat/completions"
_MODELS: Final = "/v1/models"
_STATUS: Final = {
    400: "the request is not valid HTTP/1.1",
    408: "the request did not arrive in time",
    413: "the request is too large",
    431: "the headers are too large",
    500: "tarkpm failed; its standard error says why",
    503: "too many connections are open",
}


class OpenAiService:
    """The provider plugins as OpenAI's API. A `local_server.Service`."""

    def __init__(self, providers: Providers, address: LoopbackAddress, token: str) -> None:
        self._providers, self._address, self._token = providers, address, token
        self._running = threading.BoundedSemaphore(MAX_ANSWERS)

    def admit(self, head: Head) -> Reply | None:
        """Return the error for a request of a web page, without the token, or to another address."""
        # The token comes last: nobody else learns whether it is right.
        if not is_addressed(head.headers, self._address):
            return _error(ApiRefusal(421, "the Host header does not name this server", code="wrong_host"))
        if is_of_a_page(head.headers):
            return _error(ApiRefusal(403, "requests of web pages are refused", code="origin_refused"))
        if not has_token(head.headers, self._token):
            refusal = ApiRefusal(401, "the bearer token is missing or wrong", code="invalid_api_key")
            return _error(refusal, ("www-authenticate", "Bearer"))
        return None

    def refuse(self, status: int) -> Reply:
        """Return the error for a request that breaks HTTP or a limit."""
        message, kind = _STATUS.get(status, _STATUS[400]), SERVER if status >= 500 else INVALID
        refusal = ApiRefusal(status, message, code="bad_request", type=kind)
        return _error(refusal, *([_LATER] if status == 503 else []))

    def answer(self, head: Head, body: bytes) -> Reply:
        """Return a completion, a list of models or an error."""
        if not self._running.acquire(blocking=False):
            message = f"{MAX_ANSWERS} requests are being answered already"
            return _error(ApiRefusal(429, message, code="too_many_requests", type=LIMITED), _LATER)
        try:
            return self._route(head, body)
        except ApiRefusal as refusal:
            return _error(refusal)
        except TarkError as problem:
            return _error(_of_a_plugin(problem))
        finally:
            self._running.release()

    def _route(self, head: Head, body: bytes) -> Reply:
        path = head.target.partition("?")[0]
        if path == _CHAT:
            _expect(head, "POST")
            return self._complete(read_chat(body))
        if path == _MODELS:
            _expect(head, "GET")
            return Reply(200, model_list(self._providers.models()))
        if path.startswith(f"{_MODELS}/"):
            _expect(head, "GET")
            return Reply(200, model_body(self._find(unquote(path.removeprefix(f"{_MODELS}/")))))
        raise ApiRefusal(404, f"no such path; there are {_MODELS} and {_CHAT}", code="unknown_url")

    def _complete(self, request: ChatRequest) -> Reply:
        model = self._find(request.model)
        providers = self._providers
        providers.tokens.refresh(providers.host, model.plugin)
        with providers.advising(model.plugin):
            found = providers.host.chat(providers.images[model.plugin], request.messages, model.name)
        response = ChatResponse(cut_at(found.text, request.stop), found.usage)
        answer = Answer(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model.id, response)
        # Names of our own list: nothing that was sent to us is repeated in a header.
        ignored = (("x-tarkpm-ignored", ", ".join(request.ignored)),) if request.ignored else ()
        if request.is_streamed:
            body = events(answer, counts_usage=request.counts_usage)
            return Reply(200, body, "text/event-stream; charset=utf-8", ignored)
        return Reply(200, completion(answer), headers=ignored)

    def _find(self, text: str) -> Model:
        """Return the model with an id. Raises `ApiRefusal` with the nearest one, and `HostError`."""
        model = model_from(text)
        if model is None or model.plugin not in self._providers.images:
            raise self._unknown(text, self._providers.models())
        # Listed a while ago, it may be new since; a client that repeats a wrong name is not a reason to ask
        # the plugin each time.
        for age in (FRESH, _RELIST):
            names = self._providers.names(model.plugin, at_most=age)
            # A plugin that lists nothing knows best: some servers have no list, or it was out of reach.
            if model.name in names or (not names and model.name.isprintable()):
                return model
        raise self._unknown(text, self._providers.known())

    @staticmethod
    def _unknown(text: str, models: Sequence[Model]) -> ApiRefusal:
        # Clients of OpenAI know a model without the plugin's name.
        bare = next((f"; did you mean '{model.id}'?" for model in models if model.name == text), "")
        near = bare or did_you_mean(text, [model.id for model in models])
        message = f"there is no model '{text[:300]}'{near}"
        return ApiRefusal(404, message, code="model_not_found", param="model")


def _of_a_plugin(problem: TarkError) -> ApiRefusal:
    """Return the refusal for a plugin's failure; the code is the error's class, as in ``--json``."""
    parts = [f"{problem.where}: {problem.message}" if problem.where else problem.message, problem.hint]
    return ApiRefusal(502, masked("; ".join(filter(None, parts))), code=problem.code, type=SERVER)


def _error(refusal: ApiRefusal, *headers: tuple[str, str]) -> Reply:
    return Reply(refusal.status, error_body(refusal), headers=headers)


def _expect(head: Head, method: str) -> None:
    if head.method != method:
        # The method is the client's own word: only a token of letters, by HTTP, but of any length.
        raise ApiRefusal(405, f"expected {method}, found {head.method[:20]}", code="method_not_allowed")
