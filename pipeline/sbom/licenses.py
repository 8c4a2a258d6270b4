"""Licences as packages declare them, made into SPDX expressions."""

from __future__ import annotations

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression


def spdx_expression(declared: str | None) -> str | None:
    """Return *declared* as an SPDX expression, None when it is none.

    A slash is Cargo's former way of writing OR (The Cargo Book, "The Manifest Format", license).
    """
    if not declared:
        return None
    try:
        return str(canonicalize_license_expression(declared.replace("/", " OR ")))
    except InvalidLicenseExpression:
        return None
