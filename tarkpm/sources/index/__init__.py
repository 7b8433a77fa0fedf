"""A community index for its users: read-only, verified through TUF, with small downloads for any index size.

::

    client     IndexClient: claims, rows, releases and the catalogue of one index, for one command
    session    python-tuf's updater over a local cache, with its failures translated into messages
    files      target files, from the cache or fetched
    floors     the versions seen before: older ones are refused
    cached     the local cache, which may be damaged
    kept       the local cache in place of the index, without a network
    engine     python-tuf's client, imported without its own fetcher
    fetcher    fetches metadata for tuf and checks its shape first
    shape      the metadata allowed for each role, stricter than TUF
    places     where bytes come from: a web server or a folder

Importing this package is cheap: tuf and httpcore2 are imported with the first request to an index.
"""

from tarkpm.sources.index.client import IndexClient

__all__ = ["IndexClient"]
