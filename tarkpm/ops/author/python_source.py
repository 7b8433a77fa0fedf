"""What is found in a source in Python before the slow compiler runs."""

import sys
from typing import TYPE_CHECKING

from tarkpm.errors import BuildError
from tarkpm.ops.project.ui import Ui
from tarkpm.toolchains.python import PYTHON, syntax_error, unexported

if TYPE_CHECKING:
    from tarkpm.ops.author.building import BuildPlan


def check_python(ui: Ui, plan: "BuildPlan") -> None:
    """Report a syntax error, or a method that is missing, before componentize-py runs for a minute.

    Raises `BuildError`; for a syntax error only if this Python knows the whole language of the plugin's: an
    older one may just not know what is new in it.
    """
    source, where = plan.sources[plan.recipe.source], str(plan.folder / plan.recipe.source)
    if missing := unexported(source, plan.manifest.type):
        text, hint = f"the source does not define '{missing}'", plan.toolchain.advice["export"]
        raise BuildError(text, where=where, hint=hint)
    problem = syntax_error(source, plan.recipe.source)
    if problem and sys.version_info >= PYTHON:
        raise BuildError(problem, where=where)
    if problem:
        ours, theirs = (".".join(map(str, one[:2])) for one in (sys.version_info, PYTHON))
        ui.note(f"{problem}, says Python {ours}; the plugin's Python {theirs} decides")
