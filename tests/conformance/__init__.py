"""TUF's conformance cases, against the session, fetcher and cache that ask an index.

The kinds of case are those of https://github.com/theupdateframework/tuf-conformance (August 2026), made again as
tables of our own: 113 there, of which 3 test its simulator and 110 a client.

==================  =====  =============================================================
here                there  what they are about
==================  =====  =============================================================
test_metadata       24     requests, signatures, digests, and what is missing
test_age            15     what expired, and versions that go back
test_keys           8      whose signatures count
test_rotations      25     keys that change, of the root and below it
test_delegations    27     who is asked, what is found, names of roles
test_targets        11     target files, and two repositories as others make them
test_simulator      3      the simulator itself
==================  =====  =============================================================

Two cannot pass as they are there, and are listed in ``test_targets.ELSEWHERE`` with what happens instead. The gate
that knows an index's layout is open here, but for one test: it refuses all of these repositories, and key types other
than ed25519.
"""
