"""The modules of the trust boundary, and the tests that must notice a mistake in each."""

from typing import Final

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "core/policy": (
        "tests/core/test_policy.py",
        "tests/core/test_policy_accepted.py",
        "tests/core/test_policy_index.py",
    ),
    "core/version_policy": ("tests/core/test_policy.py", "tests/core/test_policy_accepted.py"),
    "core/trust": (
        "tests/core/test_keyless.py",
        "tests/core/test_policy_index.py",
        "tests/core/test_trust.py",
    ),
    "core/keyless": ("tests/core/test_keyless.py", "tests/core/test_trust.py"),
    "core/ci_policy": ("tests/core/test_ci_policy.py",),
    "core/statement": ("tests/core/test_statement.py", "tests/core/test_statement_bounds.py"),
    "core/lock_check": (
        "tests/core/test_follow.py",
        "tests/core/test_lock_check.py",
        "tests/core/oci/test_oci_source.py",
        "tests/core/test_policy.py",
    ),
    "core/claim": ("tests/core/test_claim.py",),
    "core/compiled": ("tests/core/test_compiled.py",),
    "core/user_config": ("tests/core/test_compiled.py", "tests/core/test_mirrors.py"),
    "store/journal": ("tests/store/test_journal.py", "tests/store/test_store.py"),
    "host/gate": ("tests/host/test_gate.py", "tests/host/test_gate_counts.py"),
    "host/imports/hosts": ("tests/host/imports/test_hosts.py",),
    "core/binding": ("tests/core/test_binding.py", "tests/core/test_binding_memory.py"),
    "core/owner": ("tests/core/test_binding.py", "tests/core/test_binding_memory.py"),
    "core/acceptance": ("tests/core/test_acceptance.py", "tests/core/test_acceptance_of.py"),
    "core/widening": ("tests/core/test_widening.py",),
}
"""By the path of the module in ``tarkpm/``. The tests run in one process, so they are those that are fast."""
