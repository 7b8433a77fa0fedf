"""The models of all provider plugins, and the tokens that auth plugins give them."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.openai.response import Model
from tarkpm.errors import CapabilityDenied, HostError, NotFound, TarkError
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.runtime import PluginHost

FRESH: Final = 60.0
"""Seconds for which a plugin's list of models is not asked for again."""
PATIENCE: Final = 10.0
"""Seconds to wait for all lists of models together; a late one is left out, and there the next time."""
Advise = Callable[[str, Iterable[Capability]], str]
_AT_ONCE: Final = 8
"""Lists that are asked for at the same time."""


class TokenLink(msgspec.Struct, frozen=True):
    """Which environment variable of a provider plugin holds the token of which auth plugin."""

    provider: str
    variable: str
    auth: str


class ProviderTokens:
    """The current tokens of auth plugins, as environment variables of the providers they are meant for.

    A provider gets a token only in a variable that the user granted it, and named for it.
    """

    def __init__(self, links: Iterable[TokenLink]) -> None:
        self._links = {link.provider: link for link in links}
        self._held: dict[str, str] = {}
        self._sources: Mapping[str, PluginImage] = {}

    def check(self, providers: Mapping[str, PluginImage], sources: Mapping[str, PluginImage]) -> None:
        """Take the auth plugins of the links.

        Raises `NotFound` for an unknown provider, `CapabilityDenied` for a variable that it was not granted,
        `HostError` for a source that does not sign in.
        """
        for link in self._links.values():
            if link.provider not in providers:
                message = f"no enabled provider plugin is named '{link.provider}'"
                raise NotFound(message, hint="tarkpm list --type provider")
            granted = providers[link.provider].granted
            if not granted.covers(CapabilitySet.of([Capability("env", link.variable)])):
                hint = f"tarkpm info {link.provider}"
                raise CapabilityDenied(f"env:{link.variable} is not granted", where=link.provider, hint=hint)
            source = sources[link.auth]
            if source.type != "auth" and not source.is_older:
                hint = "tarkpm list --type auth"
                raise HostError(
                    f"'{link.auth}' is of type '{source.type}', expected 'auth'", where=link.auth, hint=hint
                )
        self._sources = sources

    def refresh(self, host: PluginHost, provider: str) -> None:
        """Ask for the token of a provider, which may have expired since. Raises `HostError`."""
        link = self._links.get(provider)
        if link is None:
            return
        try:
            self._held[provider] = host.get_token(self._sources[link.auth])
        except HostError as problem:
            problem.hint = problem.hint or f"tarkpm auth login {link.auth}"
            raise

    def wrap(self, interfaces: Interfaces) -> Interfaces:
        """Return ``interfaces`` with the tokens among the environment variables of their providers."""

        def wrapped(image: PluginImage, report: Callable[[str], None]) -> Mapping[str, Interface]:
            served = dict(interfaces(image, report))
            if image.name in self._links and "env" in served:
                link = self._links[image.name]
                served["env"] = _WithToken(served["env"], link.variable, lambda: self._held.get(image.name))
            return served

        return wrapped


class _WithToken:
    """The environment variables of a plugin, of which one is a token that changes."""

    def __init__(self, env: Interface, variable: str, current: Callable[[], str | None]) -> None:
        self._env, self._variable, self._current = env, variable, current

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        if args == (self._variable,):
            return self._current()
        return self._env.call(function, args, deadline)

    def close(self) -> None:
        self._env.close()


class Providers:
    """Provider plugins on a host, by name. Thread-safe.

    ``note`` is called about each plugin that does not list its models. ``advise`` returns the command that
    grants a plugin what it lacked, "" if there is none.
    """

    def __init__(
        self,
        host: PluginHost,
        images: Mapping[str, PluginImage],
        tokens: ProviderTokens,
        note: Callable[[str], None],
        advise: Advise = lambda *_: "",
    ) -> None:
        self.host, self.images, self.tokens = host, images, tokens
        self._note, self._advise = note, advise
        self._known: dict[str, tuple[float, list[str]]] = {}

    def models(self) -> list[Model]:
        """Return the models of all plugins, sorted; one that fails or is late is left out, with a note."""
        until = time.monotonic() + PATIENCE
        slots = threading.Semaphore(_AT_ONCE)
        lists: dict[str, list[str]] = {}

        def ask(name: str) -> None:
            with slots:
                try:
                    lists[name] = self.names(name)
                except TarkError as problem:
                    lists[name] = []
                    how = f"; run: {problem.hint}" if problem.hint else ""
                    self._note(f"{name} does not list its models: {problem.message}{how}")

        threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in self.images]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        found = lists.copy()  # a late thread still adds to it
        for late in self.images.keys() - found.keys():
            self._note(f"{late} did not list its models within {PATIENCE:g} s")
        return sorted(Model(plugin, name) for plugin, names in found.items() for name in names)

    def names(self, plugin: str, *, at_most: float = FRESH) -> list[str]:
        """Return the models of one plugin, from a list of ``at_most`` these seconds. Raises `HostError`."""
        then, names = self._known.get(plugin, (0.0, []))
        if then and time.monotonic() - then < at_most:
            return names
        self.tokens.refresh(self.host, plugin)
        before = self.host.lacked(plugin)
        with self.advising(plugin):
            names = self.host.models(self.images[plugin])
        lacked = self.host.lacked(plugin) - before
        # Not an error: many plugins list nothing when their server cannot be asked.
        if not names and lacked and (command := self._advise(plugin, lacked)):
            self._note(f"{plugin} lists no models; run: {command}")
        self._known[plugin] = (time.monotonic(), names)
        return names

    @contextmanager
    def advising(self, plugin: str) -> Iterator[None]:
        """Add the command that grants what the plugin lacked to an error of it."""
        before = self.host.lacked(plugin)
        try:
            yield
        except TarkError as problem:
            if lacked := self.host.lacked(plugin) - before:
                problem.hint = self._advise(plugin, lacked) or problem.hint
            raise

    def known(self) -> list[Model]:
        """Return the models that were listed so far, without asking a plugin."""
        return sorted(Model(plugin, name) for plugin, (_, names) in self._known.items() for name in names)
