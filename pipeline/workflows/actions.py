"""Actions of others, each pinned to a commit: a tag can be moved to other code, a commit cannot."""

from __future__ import annotations

import re

# Commits are those that the tags name in the actions' own repositories.
PINS = {
    "actions/cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-go": ("b7ad1dad31e06c5925ef5d2fc7ad053ef454303e", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
}
_USES = re.compile(r"^(\s*(?:- )?uses: (\S+)@[0-9a-f]{40})$", re.MULTILINE)


def pinned(action: str) -> str:
    """Return what ``uses`` is to say for *action*."""
    return f"{action}@{PINS[action][0]}"


def with_tags(text: str) -> str:
    """Return the text of a workflow with the tag of each pinned action in a comment, for people and update bots."""
    return _USES.sub(lambda match: f"{match.group(1)} # {PINS[match.group(2)][1]}", text)
