"""``python -m nn``: see ``nn.cli``."""

import sys

from nn.cli.main import main

if __name__ == "__main__":
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # a console without δ shows ? for it
    sys.exit(main())
