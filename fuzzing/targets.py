"""All targets, by name."""

from typing import Final

from fuzzing import addresses, bundles, documents, indexes, kept, messages, modules, registries, repositories
from fuzzing.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for module in (documents, addresses, repositories, registries, indexes, modules, messages, kept, bundles)
    for target in module.TARGETS
}
