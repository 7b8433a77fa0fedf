"""Bundles: one file with releases and what community indexes say of them, for machines without a network.

::

    reader     a bundle that may come from anybody: bounded, every byte checked, nothing unpacked
    writer     write one, in one form
    place      a slice of an index, in place of the index
"""

from tarkpm.sources.bundle.reader import Bundle

__all__ = ["Bundle"]
