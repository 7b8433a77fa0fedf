"""``python -m tarkpm`` is the same program as ``tarkpm``."""

from tarkpm.cli.entry import start

start()
