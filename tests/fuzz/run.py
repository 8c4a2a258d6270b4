"""Coverage-guided fuzzing of one reader: ``python -m tests.fuzz.run READER [libFuzzer's options]``.

Needs atheris (``nox -s fuzz`` brings it). A crash, an input that takes 10 s or 1 GB of memory ends it with status 1
and is kept as ``crash-*``, ``timeout-*`` or ``oom-*`` in the working directory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

COVERED = [f"pipeline.{name}" for name in ("elf", "v8", "examine", "packing", "record")]

with atheris.instrument_imports(include=COVERED):
    from tests.fuzz.readers import READERS
    from tests.fuzz.seeds import seeds


def main() -> None:
    """Fuzz the reader that the command line names, from the sound inputs for it."""
    name, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, (reader, content) in enumerate(seeds()):
            if reader == name:
                Path(corpus, f"seed-{number}").write_bytes(content)
        limits = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536"]
        atheris.Setup([sys.argv[0], *limits, *options, corpus], READERS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
