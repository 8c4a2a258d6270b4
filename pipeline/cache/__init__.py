"""Snapshots that were made once, kept by what decides them; and what else fills the cache directory."""
