"""Transparency logs: Merkle trees (RFC 9162), static tiles, signed checkpoints and proofs (C2SP). Pure.

::

    merkle   hashes, and the two checks: an entry is in a tree, a tree continues another one
    tiles    how a tree lies in static files, and what a proof needs of them (c2sp.org/tlog-tiles)
    tree     the root of entries that come one after another
    note     checkpoints, signed by the log and cosigned by witnesses (c2sp.org/tlog-checkpoint)
    proof    the text that proves offline that a release is in a log (c2sp.org/tlog-proof)
    compared what a comparison of a log reports
    log      the keys of an index's log, and the checks of what a release's row says about it
"""
