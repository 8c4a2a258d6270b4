"""From finished builds to releases, and what becomes of them afterwards."""
