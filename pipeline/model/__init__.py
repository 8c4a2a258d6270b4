"""Pure values: what is built, for which target, by which plan, with which record."""
