from __future__ import annotations

import pytest

from pipeline.sbom.licenses import spdx_expression


@pytest.mark.parametrize(
    ("declared", "expression"),
    [
        ("MIT", "MIT"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0"),
        ("do what you like", None),
        ("", None),
        (None, None),
    ],
)
def test_expressions(declared: str | None, expression: str | None) -> None:
    assert spdx_expression(declared) == expression
