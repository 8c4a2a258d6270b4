"""Speaks to registries of images: https://github.com/opencontainers/distribution-spec/blob/main/spec.md.

Registries of other kinds have other places: Cargo's is ``pipeline/sources/registry.py``.
"""
