"""A thief of a publisher's key who releases 1.0.1+x once an advisory names 1.0.1 as the fix.

The fix of an advisory does not wait for the minimum age, and build metadata makes a version newer for tarkpm.
"""

from tarkpm.core.advisory import Advisory, Severity, fixes, span_of
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version

NOW = "2026-11-28T10:00:00Z"


def test_only_the_very_version_is_the_fix() -> None:
    root, span = "sha256:" + "a" * 64, span_of("<1.0.1")
    name = PluginName("text-tools")
    one = Advisory("x_T-1", name, root, Severity.HIGH, "Reads too much", NOW, NOW, "", (span,), (), ())
    assert fixes(one, name, Version.parse("1.0.1"))
    assert not fixes(one, name, Version.parse("1.0.1+x"))
