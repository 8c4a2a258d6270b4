"""``python -m docs.generate [--check]``: write what is made from the code, or only say what is stale."""

from __future__ import annotations

import sys

from docs.generate.pages import generated


def main(arguments: list[str]) -> int:
    """Write, or compare; return the exit code."""
    stale = [
        (path, text) for path, text in generated().items() if not path.is_file() or path.read_text("utf-8") != text
    ]
    for path, text in stale:
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path} {'is stale' if '--check' in arguments else 'was written'}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
