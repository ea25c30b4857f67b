"""`python -m spanpulse`: the same as the console script."""

import sys

from spanpulse._cli import main

sys.exit(main())
