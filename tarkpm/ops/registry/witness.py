"""``tarkpm index log witness``: cosign the log of an index, unless it contradicts what was seen before."""

from pathlib import Path

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.core.project import IndexEntry, index_url
from tarkpm.core.release import PluginName
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.note import NoteKey, cosign
from tarkpm.errors import NotFound, Refused, TarkError
from tarkpm.io.files import atomic_write
from tarkpm.io.paths import expanded
from tarkpm.io.proxies import Proxies
from tarkpm.ops.project.known_logs import check_kept
from tarkpm.ops.registry.desk import Desk
from tarkpm.registry.folder import PENDING
from tarkpm.registry.witnessed import SUFFIX
from tarkpm.sources.index import IndexClient
from tarkpm.store.claims import Claims
from tarkpm.store.logs import Logs


class WitnessReport(msgspec.Struct, frozen=True):
    """A cosigned checkpoint. ``before`` is the size of the tree that was seen before; 0 the first time.

    ``file`` is where ``text``, the whole note, was written; "" if it was only printed.
    """

    origin: str
    entries: int
    before: int
    witness: str
    file: str
    text: str


def witness(desk: Desk, place: str, root: str, key_name: str, output: Path | None) -> WitnessReport:
    """Fetch the checkpoint of an index's log, compare it with the one seen before, and cosign it.

    ``place`` is a URL or a folder, ``root`` the digest of the first root. Without ``output``, a folder gets
    the note in ``pending/``, where `refresh` takes it. Raises `IndexUntrusted` for a log that was rewritten,
    `IndexStale` for an older one, `NotFound` for an index without a log, `Refused` for a key that is not a
    witness of it.
    """
    signer = desk.signer(key_name)
    logs = Logs(desk.settings.paths.state)
    before = logs.read(root)
    size = before.checkpoint.size if before else 0
    with _client(desk, place, root) as client:
        keys, me = _as_witness(client, signer.key, place)
        check_kept(keys, before, where=place)
        newest = client.log_files.checkpoint(keys)
        if before:
            client.log_files.check_continued([before.checkpoint], newest)
        seen = client.seen
    if desk.settings.dry_run:
        return WitnessReport(newest.origin, newest.size, size, me.name, "", "")
    # Remembered before it is signed: after a crash, no other tree may get this witness's signature
    # (c2sp.org/tlog-witness).
    logs.remember(root, keys, newest, {}, desk.settings.lock_seconds)
    Claims(desk.settings.paths.state).remember(root, (), desk.settings.lock_seconds, (), seen)
    note = newest.with_lines([cosign(newest, me, signer.sign, int(desk.now.timestamp()))])
    file = _file(desk, place, f"{me.name}-{newest.size}{SUFFIX}", output)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, note.text.encode())
    return WitnessReport(newest.origin, newest.size, size, me.name, str(file or ""), note.text)


def _client(desk: Desk, place: str, root: str) -> IndexClient:
    settings = desk.settings
    try:
        entry = IndexEntry(PluginName("index"), index_url(place), root)
    except ValueError as problem:
        raise TarkError(str(problem), where=place) from None
    return IndexClient(
        entry,
        cache=settings.paths.cache,
        base=settings.cwd,
        proxies=Proxies.read(settings.environment),
        lock_seconds=settings.lock_seconds,
        allow_http=settings.allow_http,
        floors=Claims(settings.paths.state).read().floors.get(root, {}),
    )


def _as_witness(client: IndexClient, key: PublicKey, place: str) -> tuple[LogKeys, NoteKey]:
    """Return the keys of an index's log, and which of its witnesses has this key."""
    keys = client.log
    if keys is None:
        raise NotFound("the index has no log", where=place, hint="tarkpm index log init --help")
    for one in keys.witnesses:
        if one.key == key:
            return keys, one
    raise Refused(
        f"{key} is not a witness of this log",
        where=place,
        hint=f"the index maintainers run: tarkpm index log init --witness NAME={key}",
    )


def _file(desk: Desk, place: str, name: str, output: Path | None) -> Path | None:
    if output:
        return desk.settings.cwd / output
    return None if "://" in place else desk.settings.cwd / expanded(place) / PENDING / name.replace("/", "_")
