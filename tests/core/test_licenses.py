"""Which license expressions a list of allowed licenses satisfies."""

import pytest

from tarkpm.core.licenses import is_allowed

MIT = ("MIT",)


@pytest.mark.parametrize(
    ("expression", "allowed", "result"),
    [
        ("MIT", MIT, True),
        ("mit", ("Mit",), True),
        ("Apache-2.0", MIT, False),
        ("MIT OR GPL-3.0-only", MIT, True),
        ("GPL-3.0-only OR MIT", MIT, True),
        ("MIT AND GPL-3.0-only", MIT, False),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", ("MIT", "Apache-2.0"), True),
        ("GPL-3.0-only AND MIT OR MIT", MIT, True),  # AND binds closer
        ("GPL-3.0-only AND (MIT OR MIT)", MIT, False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), True),
        ("GPL-2.0-only WITH Classpath-exception-2.0 AND Apache-2.0", ("GPL-2.0-only",), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only WITH Classpath-exception-2.0",), True),
        ("GPL-2.0-only", ("GPL-2.0-only WITH Classpath-exception-2.0",), False),
        ("LicenseRef-Proprietary", MIT, False),
    ],
)
def test_what_is_allowed(expression: str, allowed: tuple[str, ...], result: bool) -> None:
    assert is_allowed(expression, allowed) is result


@pytest.mark.parametrize(
    "text", ["", "MIT OR", "OR MIT", "MIT Apache-2.0", "(MIT", "MIT)", "MIT WITH", "()", "(" * 40 + "MIT" + ")" * 40]
)  # fmt: skip
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        is_allowed(text, MIT)
