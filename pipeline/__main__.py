"""``python -m pipeline``."""

from __future__ import annotations

import gc
import sys

# What is read here stays to the end: looking for garbage among it was a tenth of what a start takes.
gc.disable()

from pipeline.cli.main import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
