"""Stages from finished builds to images in registries."""
