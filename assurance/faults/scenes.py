"""Every command that meets faults, by name."""

from typing import Final

from assurance.faults.carrying_scenes import (
    CreateBundle,
    CreateCompiled,
    Mirror,
    NewMirror,
    SyncBundle,
    SyncCompiled,
)
from assurance.faults.oci_scenes import AddOci, MirrorLayout, MirrorOci, PublishOci, PushBundle
from assurance.faults.project_scenes import (
    Add,
    Disable,
    Init,
    Lock,
    Prune,
    Remove,
    Revoke,
    Rollback,
    RollbackData,
    Store,
    Sync,
    Update,
)
from assurance.faults.publisher_scenes import (
    Accept,
    Claim,
    Generate,
    Import,
    Publish,
    Refresh,
    Rotate,
    Sign,
    Yank,
)

SCENES: Final = {
    scene.name: scene
    for scene in (
        *(Init, Add, Update, Lock, Sync, Remove, Rollback, RollbackData, Revoke, Disable, Store, Prune),
        *(CreateBundle, SyncBundle, CreateCompiled, SyncCompiled, NewMirror, Mirror),
        *(AddOci, PublishOci, PushBundle, MirrorOci, MirrorLayout),
        *(Generate, Import, Sign, Publish),
        *(Accept, Claim, Rotate, Yank, Refresh),
    )
}
