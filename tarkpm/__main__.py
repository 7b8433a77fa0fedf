"""``python -m tarkpm`` is the same program as ``tarkpm``."""

import sys

from tarkpm.cli.entry import main

sys.exit(main())
