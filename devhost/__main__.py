"""`python -m devhost --app DIR --state DIR --port N`."""

import sys

from devhost.main import main

sys.exit(main())
