"""Data on this machine: blobs by digest, installed environments, what this user accepted, keys."""
