"""What somebody does who can write to an index's folder, and holds some of its keys."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.community import Community
from tuf.api.metadata import Metadata

from tarkpm.registry.authority import payload
from tarkpm.registry.keys import Signer, signature


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place, without a care for signatures."""
    table = json.loads(path.read_bytes())
    change(table)
    path.write_bytes(json.dumps(table).encode())


def forge(
    community: Community, name: str, change: Callable[[dict[str, Any]], object], *signers: Signer
) -> None:
    """Change the signed part of a metadata file and sign it anew with these keys alone."""
    path = community.folder / "metadata" / name
    table = json.loads(path.read_bytes())
    change(table["signed"])
    metadata: Metadata[Any] = Metadata.from_bytes(
        json.dumps({"signed": table["signed"], "signatures": []}).encode()
    )
    for signer in signers:
        made = signature(signer, payload(metadata.signed))
        metadata.signatures[made.keyid] = made
    path.write_bytes(metadata.to_bytes())


def proposal(community: Community, slug: str) -> Path:
    """Where a proposal waits."""
    return community.folder / "pending" / f"{slug}.json"
