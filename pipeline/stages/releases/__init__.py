"""Stages from finished builds to public releases, and to what upstream has released since."""
