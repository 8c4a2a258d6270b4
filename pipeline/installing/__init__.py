"""Prebuilds that others made: which one fits a machine, fetched, compared, tried, and put in its place."""
