"""A pull request that drops the team policy, and changes no plugin: a review must not be titled "no difference"."""

from tarkpm.cli.differences import difference_lines, difference_markdown
from tarkpm.core.difference import Documents, difference
from tarkpm.core.lockfile import Lock
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.project import Project
from tarkpm.ops.diff import DiffReport


def test_a_wider_state_is_a_difference() -> None:
    pinned = Documents(Lock(), Project(policy=PolicyPin("ed25519:" + "A" * 43 + "=", 1)))
    found = difference(pinned, Documents(Lock(), Project()))
    report = DiffReport(wider=found.wider, before="main", after="")
    assert report.is_wider
    for lines in (difference_lines(report), difference_markdown(report)):
        assert "no difference" not in lines[0]
        assert "decisions of the project changed" in lines[0]
    assert "no difference" in difference_lines(DiffReport(before="main", after=""))[0]
