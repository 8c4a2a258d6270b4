"""What the site does with links that lead out of docs/: they are the repository's, and named as such.

Called by MkDocs: https://www.mkdocs.org/user-guide/configuration/#hooks.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
_LINK: Final = re.compile(r"(?<!!)\[([^\]\n]+)\]\((\.\./[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_others: object) -> str:  # noqa: ANN401 - MkDocs has no types
    """Return the page with each link to a file of the repository as its name; raises where there is no such file."""
    folder = posixpath.dirname(page.file.src_uri)

    def named(match: re.Match[str]) -> str:
        text, target = match.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target.partition("#")[0]))
        if path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            message = f"{page.file.src_uri} links to {target}, which is not there"
            raise FileNotFoundError(message)
        return f"{text} (`{path}`)" if text.strip("`") != path else f"`{path}`"

    return _LINK.sub(named, markdown)
