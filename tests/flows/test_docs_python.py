"""docs/python.md: every example runs, and prints what the page says."""

import io
import os
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from support.sandbox import PLUGINS, Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```python")


@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
def test_an_example_prints_what_the_page_says(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str, printed: str
) -> None:
    sandbox.init()
    sandbox.run("add", str(PLUGINS / "text-tools"), "--accept-capabilities").ok()
    monkeypatch.chdir(sandbox.root)
    for name, value in sandbox.environment(PATH=os.environ["PATH"]).items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "docs/python.md", "exec"), {})
    assert out.getvalue() == printed
