"""Native compilers compared with the root's own."""

from __future__ import annotations

from pipeline.rootfs.compare import Difference, difference


def test_what_differs() -> None:
    assert difference("gcc -dumpfullversion", "12.2.0\n", "12.2.0\n") is None
    assert difference("gcc -O2 -dM -E -x c /dev/null", "#define A 1\n#define B 1\n", "#define A 1\n#define B 2\n") == (
        Difference(command="gcc -O2 -dM -E -x c /dev/null", lines=("-#define B 1", "+#define B 2"))
    )


def test_names_of_temporary_files_are_no_difference() -> None:
    assert difference("gcc -Q --help=common", "-o <file> /tmp/ccP1Ets2.s\n", "-o <file> /tmp/cc4l8Fj8.s\n") is None


def test_a_long_answer_is_cut() -> None:
    found = difference("rustc --print cfg", "", "".join(f"{n}\n" for n in range(50)))
    assert found is not None
    assert found.lines == tuple(f"+{n}" for n in range(20))
