"""Every command that meets faults, by name."""

from typing import Final

from assurance.faults.project_scenes import Add, Remove, Revoke, Rollback, Store, Sync, Update
from assurance.faults.publisher_scenes import Accept, Claim, Generate, Import, Publish, Refresh, Sign, Yank

SCENES: Final = {
    scene.name: scene
    for scene in (
        *(Add, Update, Sync, Remove, Rollback, Revoke, Store),
        *(Generate, Import, Sign, Publish),
        *(Accept, Claim, Yank, Refresh),
    )
}
