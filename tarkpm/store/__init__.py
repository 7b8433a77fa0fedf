"""What lives on this machine: bytes by digest, installed environments, what this user accepted, keys."""
