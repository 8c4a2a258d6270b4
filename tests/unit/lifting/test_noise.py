"""Cargo's warnings about path overrides, in Cargo's own words."""

from __future__ import annotations

from pipeline.lifting.noise import without_override_warnings

WARNING = """\
warning: path override for crate `snap` has altered the original list of
dependencies; the dependency on `v8` was either added or
modified to not match the previously resolved version

This is currently allowed but is known to produce buggy behavior with spurious
recompiles and changes to the crate graph. Path overrides unfortunately were
never intended to support this feature, so for now this message is just a
warning. In the future, however, this message will become a hard error.

To change the dependency graph via an override it's recommended to use the
`[patch]` feature of Cargo instead of the path override feature. This is
documented online at the url below for more information.

https://doc.rust-lang.org/cargo/reference/overriding-dependencies.html
""".splitlines()


def test_only_the_warnings_are_left_out() -> None:
    lines = ["   Compiling snap v1.0.0", *WARNING, "", *WARNING, "warning: unused variable", "error: no"]
    assert without_override_warnings(lines) == [lines[0], "", "warning: unused variable", "error: no"]


def test_a_warning_without_its_last_line_does_not_hide_everything() -> None:
    lines = [*WARNING[:-1], *(f"line {number}" for number in range(20))]
    assert without_override_warnings(lines)[-1] == "line 19"
    assert len(without_override_warnings(lines)) > 10
