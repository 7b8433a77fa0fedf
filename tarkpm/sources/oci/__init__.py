"""Releases in OCI registries: `Registry` reads and pushes artifacts, and verifies nothing but digests.

::

    registry        the requests of the distribution API: tags, manifests, blobs
    upload          pushes of blobs, resumed where the registry can
    session         one registry's requests: logins, redirects, retries, limits
    credentials     the logins that docker and podman keep
"""

from tarkpm.sources.oci.registry import Registry

__all__ = ["Registry"]
