"""Which files a compiler reads for a source: only those of the plugin and its own.

A source names files to read, as in ``#embed "/home/you/.ssh/id_ed25519"`` and ``include_bytes!``. What a
compiler read is part of the module, which can then send it, or be published (docs/decisions/0151).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tarkpm.core.text import neutral
from tarkpm.errors import BuildError
from tarkpm.io.files import read_file
from tarkpm.toolchains.job import Job

_MAX_RULES: Final = 16 * 1024 * 1024
_WORD: Final = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([ #\\])|\$(\$)")
_MAX_SHOWN: Final = 200


class SourceReads:
    """The files that a compiler reads: of the plugin's sources, and in its own folders ``own``."""

    def __init__(self, job: Job, own: Sequence[Path] = ()) -> None:
        self.rules = job.scratch / "inputs"
        """Where the compiler writes its inputs, as a rule of a Makefile."""
        self._job = job
        # `resolve`, because a name may pass `..`; the stage has no links.
        self._folders = [folder.resolve() for folder in (job.stage, *own)]

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Raise `BuildError` after the compiler's run if it read another file, or did not write the rule."""
        try:
            yield
        except BuildError:
            # Also then: what the compiler printed may quote the file.
            if self.rules.exists():
                self._check()
            raise
        self._check()

    def _check(self) -> None:
        for name in inputs(read_file(self.rules, _MAX_RULES).decode("utf-8", "surrogateescape")):
            path = (self._job.stage / name).resolve()
            if not any(path.is_relative_to(folder) for folder in self._folders):
                shown = neutral(name, limit=_MAX_SHOWN)
                text = f"the source reads a file outside the plugin's folder: '{shown}'"
                hint = "copy the file into the plugin's folder, and name it relative to the source"
                raise BuildError(text, where=self._job.source, hint=hint)


def inputs(rules: str) -> Iterator[str]:
    """Yield the names after the colon of the first rule of a Makefile."""
    rule = rules.replace("\\\r\n", " ").replace("\\\n", " ").lstrip().partition("\n")[0]
    for word in _WORD.findall(rule.partition(": ")[2]):
        yield _ESCAPED.sub(lambda found: found[1] or found[2], word)
