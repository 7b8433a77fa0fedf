"""Standard streams that are a terminal, or are none."""

import io


class Stream(io.TextIOWrapper):
    """A stream with ``text`` in it, which keeps what is written."""

    def __init__(self, *, terminal: bool = False, text: str = "") -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it is a terminal; one without a size that could be asked for: 80 columns, 24 lines."""
        return self._terminal

    @property
    def shown(self) -> str:
        """Everything written so far."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()
