"""Stages from recipes to prebuilds that others install."""
