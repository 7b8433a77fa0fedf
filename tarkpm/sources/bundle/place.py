"""A slice of an index in a bundle, in place of the index."""

from collections.abc import Mapping

from tarkpm.core.bundle.layout import ContentDescriptor
from tarkpm.core.layout import METADATA, SNAPSHOT, TIMESTAMP
from tarkpm.errors import TooLarge
from tarkpm.sources.bundle.reader import Bundle
from tarkpm.sources.index.places import Missing


class CarriedIndex:
    """The files of a slice, as a `Frozen` index. Every blob is checked against its digest."""

    def __init__(self, bundle: Bundle, files: Mapping[str, ContentDescriptor]) -> None:
        self._bundle, self._files = bundle, files

    def get(self, path: str, limit: int, deadline: float) -> bytes:  # noqa: ARG002  # a disk has none
        """See `IndexLocation`."""
        one = self._files.get(path)
        if one is None:
            raise Missing(404)
        if one.size > limit:
            raise TooLarge(f"the file has more than {limit:,} bytes")
        return self._bundle.blob(one, limit)

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return True

    def close(self) -> None:
        """See `IndexLocation`. The bundle is closed by whoever opened it."""

    def dated(self) -> dict[str, bytes]:
        """See `Frozen`."""
        snapshots = [path for path in self._files if path.endswith(f".{SNAPSHOT}.json")]
        paths = [f"{METADATA}/{TIMESTAMP}.json", *snapshots]
        limit = 1 << 24
        return {
            path.rpartition("/")[2].split(".")[-2]: self._bundle.blob(self._files[path], limit)
            for path in paths
            if path in self._files
        }
