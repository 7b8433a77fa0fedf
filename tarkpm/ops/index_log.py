"""``tarkpm index log check NAME``: compare the log of an index with what was seen of it before."""

from pathlib import Path

from tarkpm.core.release import PluginName
from tarkpm.core.tlog.compared import SeenTree, log_report
from tarkpm.core.tlog.note import MAX_NOTE, Checkpoint
from tarkpm.errors import IndexStale, NotFound, Unreachable
from tarkpm.io.files import atomic_write, read_file
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.sources.index import IndexClient


def compare_log(
    settings: Settings, ui: Ui, name: PluginName, against: Path | None, save: Path | None
) -> SeenTree:
    """Ask an index of the project for its log, and compare it with what was seen before.

    ``against`` is a checkpoint that someone else saved, ``save`` where to write this one. Raises
    `IndexUntrusted` if the log shows two trees, `IndexStale` if the other checkpoint is newer than what the
    index shows, and `NotFound`.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        require_accepted(workspace)
        entry = workspace.project.indexes.get(name)
        if entry is None:
            where = str(workspace.location.project_file)
            raise NotFound(f"this project has no index '{name}'", where=where, hint="tarkpm index list")
        logs, client = workspace.resource(KnownLogs), workspace.resource(Indexes).client(entry.source)
        logs.learn(entry.source, client)
        seen = logs.newest(entry.source)
        if seen is None:
            raise NotFound(f"{entry.source} has no log", where=entry.url, hint="tarkpm index list")
        keys, newest = seen
        other = None
        if against:
            other = keys.checkpoint(_read(settings.cwd / against), where=str(against))
            _compare(client, newest, other, str(against))
        if save:
            atomic_write(settings.cwd / save, newest.text.encode())
        return log_report(keys, newest, other, where=entry.url)


def _compare(client: IndexClient, newest: Checkpoint, other: Checkpoint, where: str) -> None:
    if other.size <= newest.size:
        client.log_files.check_continued([other], newest)
        return
    try:
        client.log_files.check_continued([newest], other)
    except IndexStale:
        raise
    except Unreachable:
        # The index shows another one a larger tree, and this machine not even its tiles.
        raise IndexStale(
            f"the other checkpoint has {other.size:,} entries, and the index shows {newest.size:,} here",
            where=where,
            hint="try again later; on the other machine: tarkpm index log check NAME --against FILE",
        ) from None


def _read(file: Path) -> bytes:
    try:
        return read_file(file, MAX_NOTE)
    except FileNotFoundError:
        raise NotFound("the checkpoint does not exist", where=str(file)) from None
