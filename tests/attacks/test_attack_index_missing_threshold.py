"""One maintainer, where two must sign."""

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import IndexUntrusted


@pytest.mark.parametrize("role", ["targets", "claims", "index", "publishers/text-tools.json"])
def test_one_of_two(victim: Victim, role: str) -> None:
    index = victim.index
    name = index.bin(role) if "/" in role else role
    signed = index.load(name).signed
    signed.version += 1
    index.write(name, signed, keys=index.maintainers[:1])
    index.publish()
    victim.meets(IndexUntrusted, f"bad signature: {name} was signed by 1/2 keys")


def test_a_root_with_one_of_the_old_and_two_of_the_new(victim: Victim) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    index = victim.index
    index.maintainers = [index.maintainers[0], *(Ed25519PrivateKey.generate() for _ in range(2))]
    index.write_root()
    victim.meets(IndexUntrusted, "bad signature: root was signed by 1/2 keys")


def test_one_signature_twice(victim: Victim) -> None:
    import json

    index = victim.index
    role = index.bin("publishers/text-tools.json")
    signed = index.load(role).signed
    signed.version += 1
    document = json.loads(index.write(role, signed, keys=index.maintainers[:1]))
    document["signatures"] *= 2
    index.put_metadata(f"{signed.version}.{role}.json", json.dumps(document).encode())
    index.publish()
    victim.meets(IndexUntrusted, "not what the index's maintainers signed: ")
