"""An index whose files are kept as they are asked for, for a bundle."""

from typing import Self

from tarkpm.sources.index.places import IndexLocation


class FileRecorder:
    """An `IndexLocation` in front of another one. ``files`` are the files it gave, by path."""

    def __init__(self, place: IndexLocation) -> None:
        self._place = place
        self.files: dict[str, bytes] = {}

    @classmethod
    def keep(cls, made: list[Self], place: IndexLocation) -> Self:
        """Return a new recorder, which is added to ``made``."""
        made.append(recorder := cls(place))
        return recorder

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """See `IndexLocation`."""
        data = self.files[path] = self._place.get(path, limit, deadline)
        return data

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return self._place.is_prompt()

    def close(self) -> None:
        """See `IndexLocation`."""
        self._place.close()
