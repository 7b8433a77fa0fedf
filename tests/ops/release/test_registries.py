"""The registries that are asked during one verb."""

import pytest
from support.workspaces import Open

from tarkpm.core.release import OciSource
from tarkpm.errors import Unreachable
from tarkpm.ops.release.registries import Registries

SOURCE = OciSource("127.0.0.1:9/owner/calc")


def test_nothing_is_opened_after_the_end(opened: Open) -> None:
    """Of a fetch that failed, other threads go on: what they open nobody would close."""
    workspace = opened()
    asked = workspace.resource(Registries)
    assert asked.repository(SOURCE) is asked.repository(OciSource(SOURCE.oci, "1.0.0"))
    workspace.close()
    assert workspace.resource(Registries) is asked
    with pytest.raises(Unreachable, match="the command has ended"):
        asked.repository(OciSource("127.0.0.1:9/owner/other"))
