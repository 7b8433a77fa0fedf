"""``tarkpm mcp``: the tools of a project as an agent calls them. `tarkpm.agent` speaks the protocol."""

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tarkpm.core.agent import agreement, finding, listing, outcome
from tarkpm.core.agent.calling import meant
from tarkpm.core.agent.listing import SEARCH, AgentTool, Exposure, ToolListing
from tarkpm.core.agent.naming import renamed
from tarkpm.core.agent.outcome import Outcome
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.capability import Capability
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.text import neutral, some
from tarkpm.errors import DigestMismatch, HostError, PluginRaised, TarkError
from tarkpm.host.imports.log import LogLine, LogSink
from tarkpm.host.runtime import PluginHost, PluginImage, ToolResult
from tarkpm.ops.project.agent_rules import rules_in_force
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.listing import unlocked_note
from tarkpm.ops.run.agent_hooks import Hooks
from tarkpm.ops.run.agent_tools import agent_tools
from tarkpm.ops.run.grantable import grantable
from tarkpm.ops.run.images import Images, load_images, open_host
from tarkpm.ops.run.kept_call import KeptCalls
from tarkpm.ops.run.pinned import left_out_notes, pinned_plugins, unmanaged_tools
from tarkpm.ops.run.secrets import unset
from tarkpm.ops.run.turns import AgentCall, Turns
from tarkpm.ops.run.watch import ProjectWatch


class Toolbox:
    """The tools of one project, for any number of agents. Safe for several threads.

    No plugin is started until one of its tools is called. Each call sees the project as it is then: what was
    revoked, disabled or removed since is refused.
    """

    def __init__(self, settings: Settings, ui: Ui, exposure: Exposure, log: LogSink) -> None:
        """Read the project. Raises `ProjectNotAccepted`, `ProjectError`, `LockError`."""
        self._settings, self._ui, self._exposure, self._log = settings, ui, exposure, log
        self._lock = threading.RLock()
        self._images: dict[str, Images] = {}
        self._tools: dict[str, AgentTool] = {}
        self._rules = McpRules()
        self._hooked: Hooks | None = None
        self._missing_plugins: list[str] = []
        self._noted: set[str] = set()
        self._problem: TarkError | None = None
        self._opened: tuple[PluginHost, Turns] | None = None
        self._kept: KeptCalls | None = None
        self._closed = False
        self._watch = ProjectWatch()
        self.changes = 0
        """How often the callable tools changed, by whichever call that was noticed."""
        self._read()

    @property
    def tools(self) -> Sequence[AgentTool]:
        """The tools that may be called, in the order of tark.toml."""
        return tuple(self._tools.values())

    def listing(self) -> ToolListing:
        """Return what to list now."""
        self.refresh()
        return listing.listing(self.tools, self._exposure)

    def refresh(self) -> None:
        """Read the project again if a file of it changed, and count in `changes` if its tools did.

        A project that cannot be read, or whose decisions are not accepted, has no tools until it is in order.
        """
        if not self._watch.has_changed():
            return
        with self._lock:
            if not self._watch.has_changed():
                return
            before = self._tools
            try:
                self._read()
            except TarkError as problem:
                self._watch.forget()  # a file that is moved back is the one that was read before
                self._tools, self._images, self._hooked, self._problem = {}, {}, None, problem
                self._note(_said(problem))
            self._forget(before)
            self.changes += before != self._tools

    @property
    def asks(self) -> bool:
        """Return whether a person is asked before some calls."""
        return self._rules.ask != "never"

    def question(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return what a person must agree to before this call; "" if nothing."""
        self.refresh()
        try:
            name, arguments = meant(name, arguments)
        except ValueError:
            return ""  # `call` refuses it
        tool = self._tools.get(name)
        if tool is None or not self._rules.asks(tool.risk):
            return ""
        return agreement.question(tool, arguments)

    def call(
        self, name: str, arguments: Mapping[str, Any], call: AgentCall, *, agreed: bool = False
    ) -> Outcome:
        """Call a tool, or one of the server's own. Never raises for what a plugin or an agent does.

        ``agreed`` says that a person agreed to this call; without it, one that needs this is refused.
        """
        if name == SEARCH:
            return self._search(arguments)
        self.refresh()
        try:
            name, arguments = meant(name, arguments)
        except ValueError as problem:
            return outcome.refused(str(problem))
        tool = self._tools.get(name)
        if tool is None:
            return outcome.refused(self._no_tool(name))
        # Here and not only where the question is put: the rules may have changed since it was answered.
        if not agreed and self._rules.asks(tool.risk):
            return outcome.refused(agreement.UNASKED.format(self._rules.ask))
        call.plugin = tool.plugin
        try:
            return self._run(tool, arguments, call)
        except DigestMismatch as problem:
            self._watch.forget()  # it is withheld from now on: the next look drops it from the list
            return outcome.refused(_said(problem))
        except TarkError as problem:
            return outcome.refused(_said(problem))

    def cancel(self, call: AgentCall) -> None:
        """Cancel a call and end the process it runs in. This can take as long as loading the plugin."""
        if self._opened is not None:
            self._opened[1].cancel(call)
        call.is_cancelled = True

    def close(self) -> None:
        """End every plugin."""
        with self._lock:
            opened, self._opened, self._closed = self._opened, None, True
        if opened is not None:
            opened[0].shut()

    # -- the project

    def _read(self) -> None:
        with open_for_reading(self._settings, self._ui) as workspace:
            self._watch.begin(workspace)
            plugins = pinned_plugins(workspace)
            self._rules, idle = rules_in_force(workspace)
            notes = [*left_out_notes(workspace, plugins), unlocked_note(workspace)]
            if strangers := unmanaged_tools(workspace):
                self._note(f"tarkpm did not install these plugins, and leaves them out: {some(strangers)}")
        self._problem = None
        self._images, self._hooked = {}, None
        served = (one for one in agent_tools(plugins) if self._rules.serves(one.plugin, one.tool))
        self._tools = {one.name: one for one in served}
        for rule in idle:
            self._note(str(rule))
        self._missing_plugins = [one.name for one in plugins if one.is_missing]
        for note in filter(None, notes):
            self._note(note)
        for plugin, tool, name in renamed({(one.plugin, one.tool): one.name for one in self._tools.values()}):
            self._note(f"'{neutral(tool, limit=100)}' of '{plugin}' is called {name}")

    def _note(self, text: str) -> None:
        if text not in self._noted:  # a project that is read often must not flood the client's log
            self._noted.add(text)
            self._ui.note(text)

    def _forget(self, before: Mapping[str, AgentTool]) -> None:
        """End the processes of plugins whose tools are all gone."""
        gone = {tool.plugin for tool in before.values()} - {tool.plugin for tool in self._tools.values()}
        if self._opened is not None:
            for plugin in gone:
                self._opened[0].unload(plugin)

    def _no_tool(self, name: str) -> str:
        plugin, reason = name.partition("__")[0], f"{SEARCH} or tools/list shows the tools"
        if self._problem:
            reason = _said(self._problem)
        elif plugin in self._missing_plugins:
            reason = f"'{plugin}' is not installed as tark.lock says. The user can install it: tarkpm sync"
        near = did_you_mean(name[:100], map(neutral, self._tools)) or ":"
        return f"there is no tool '{neutral(name, limit=100)}'{near} {reason}"

    # -- calls

    def _search(self, arguments: Mapping[str, Any]) -> Outcome:
        query, limit = arguments.get("query"), arguments.get("limit", 5)
        if not isinstance(query, str) or not isinstance(limit, int) or not 1 <= limit <= 20:
            return outcome.refused("expected 'query' as text and 'limit' from 1 to 20")
        self.refresh()
        found = finding.find(self.tools, query, limit)
        # As text alone: a client that passes on structured content as well would spend twice the context.
        return Outcome(json.dumps({"tools": found}, ensure_ascii=False, separators=(",", ":")))

    def _run(self, tool: AgentTool, arguments: Mapping[str, Any], call: AgentCall) -> Outcome:
        host, turns = self._host(self._loaded(tool.plugin))
        hooks = self._hooks(host)
        arguments = hooks.before(tool, arguments)
        with turns.taking(call):
            found = self._answer(host, tool, json.dumps(arguments), call)
        return hooks.after(tool, arguments, found)

    def _answer(self, host: PluginHost, tool: AgentTool, arguments: str, call: AgentCall) -> Outcome:
        # Now and not earlier: the project may have changed while the call waited for its turn.
        image = self._loaded(tool.plugin).by_name[tool.plugin]
        host.load(image)
        call.check()
        before = host.lacked(tool.plugin)
        try:
            result = self._called(host, image, tool.tool, arguments, call)
        except PluginRaised as problem:
            call.check()
            return outcome.reported(problem.exception, self._missing(host, tool.plugin, before))
        except HostError as problem:
            call.check()
            return outcome.refused(_said(problem), *self._missing(host, tool.plugin, before))
        if result.success:
            return outcome.returned(result.output)
        return outcome.reported(result.error, self._missing(host, tool.plugin, before))

    def _called(
        self, host: PluginHost, image: PluginImage, tool: str, arguments: str, call: AgentCall
    ) -> ToolResult:
        """Make a call, and record it if tark.toml says so."""

        def make() -> ToolResult:
            try:
                return host.call(image, tool, arguments)
            except HostError:
                call.check()  # a cancelled call says nothing about its plugin
                raise

        if self._kept is None or not self._loaded(image.name).record:
            return make()
        return self._kept.call(image, make, tool, arguments)

    def _hooks(self, host: PluginHost) -> Hooks:
        with self._lock:
            if self._hooked is None:
                self._hooked = Hooks(host, load_images(self._settings, self._ui, type="hook"))
            return self._hooked

    def _missing(self, host: PluginHost, plugin: str, before: Counter[Capability]) -> tuple[str, ...]:
        """Return what the plugin lacked, which may have made a call fail, and how a person changes that."""
        new = host.lacked(plugin) - before
        granted = grantable(self._settings, self._ui, plugin, new) if new else ()
        return granted + unset(self._settings, self._loaded(plugin).by_name[plugin])

    def _loaded(self, plugin: str) -> Images:
        with self._lock:
            if plugin not in self._images:
                self._images[plugin] = load_images(self._settings, self._ui, name=plugin)
            return self._images[plugin]

    def _host(self, images: Images) -> tuple[PluginHost, Turns]:
        with self._lock:
            if self._closed:
                raise HostError("the server is closed")
            if self._opened is None:
                self._kept = KeptCalls(self._settings, self._ui, images.workspace)
                serving = self._kept.interfaces
                host = open_host(self._settings, images, log=self._tell, long_lived=True, interfaces=serving)
                self._opened = host, Turns(host)
            return self._opened

    def _tell(self, line: LogLine) -> None:
        """Log a line, and show it as progress of the call that runs."""
        self._log(line)
        if self._hooked is None or self._hooked.watch:
            return  # a hook that masks what the tool returns does not see this
        call = self._opened[1].running(line.plugin) if self._opened else None
        if call is not None and call.tell is not None and line.level != "debug":
            call.tell(line.message)


def _said(problem: TarkError) -> str:
    """Return an error as one sentence for an agent, neutralised."""
    where = f"{problem.where}: " if problem.where else ""
    hint = f" (help: {problem.hint})" if problem.hint else ""
    return neutral(f"{where}{problem.message}{hint}")
