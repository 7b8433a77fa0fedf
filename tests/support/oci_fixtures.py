"""A registry for the tests of a module that need nothing special of it."""

from collections.abc import Iterator

import pytest

from support.ociregistry import OciRegistry, oci_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    """A registry without passwords, of a module's own."""
    with oci_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
