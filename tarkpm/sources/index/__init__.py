"""A community index as its users see it: read-only, verified through TUF, and small however big it is.

::

    client     IndexClient: claims, rows, releases and the catalogue of one index, for one command
    session    python-tuf's updater over a cache on this machine, and what its failures mean to a person
    floors     which versions were seen before: nothing older is believed
    cached     what of it was kept, however damaged
    engine     python-tuf's client, and as little with it as can be
    fetcher    tuf's way to the bytes; looks at metadata before tuf does
    shape      what metadata of each role may look like; TUF leaves more open than an index needs
    places     where bytes come from: a web server, or a folder

Importing this package costs nothing: tuf and httpcore2 are imported when an index is first asked.
"""

from tarkpm.sources.index.client import IndexClient

__all__ = ["IndexClient"]
