"""The modules of the trust boundary, and the tests that must notice a mistake in each."""

from typing import Final

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "core/policy": (
        "tests/core/test_policy.py",
        "tests/core/test_policy_index.py",
        "tests/core/test_follow.py",
    ),
    "core/statement": ("tests/core/test_statement.py", "tests/attacks/test_attack_malformed_statement.py"),
    "core/lock_check": ("tests/core/test_follow.py", "tests/core/test_policy.py"),
    "core/claim": ("tests/core/test_claim.py",),
    "store/journal": ("tests/store/test_store.py", "tests/attacks/test_attack_clone_with_environment.py"),
    "host/gate": ("tests/host/test_gate.py", "tests/attacks/test_attack_worker_frames.py"),
    "host/imports/hosts": (
        "tests/host/imports/test_http_grants.py",
        "tests/host/imports/test_http_addresses.py",
    ),
    "core/binding": ("tests/core/test_binding.py", "tests/core/test_acceptance.py"),
    "core/acceptance": ("tests/core/test_acceptance.py", "tests/core/test_binding.py"),
    "core/widening": ("tests/core/test_acceptance.py", "tests/core/test_binding.py"),
}
"""By the path of the module in ``tarkpm/``. The tests run in one process, so they are those that are fast."""
