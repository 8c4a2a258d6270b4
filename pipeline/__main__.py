"""``python -m pipeline``."""

from __future__ import annotations

import sys

from pipeline.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
