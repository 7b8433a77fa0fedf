"""``python -m tarkpm`` is the same program as ``tarkpm``."""

import sys

from tarkpm.cli.entry import start

sys.exit(start())
