"""Which GCC a version of libstdc++'s symbols came with."""

from __future__ import annotations

# https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html, "Allowed Changes": newest GLIBCXX version of each release.
_GCC_OF_GLIBCXX = (
    ((3, 4, 19), "4.8"), ((3, 4, 20), "4.9"), ((3, 4, 21), "5.1"), ((3, 4, 22), "6.1"), ((3, 4, 23), "7.1"),
    ((3, 4, 24), "7.2"), ((3, 4, 25), "8.1"), ((3, 4, 26), "9.1"), ((3, 4, 27), "9.2"), ((3, 4, 28), "9.3"),
    ((3, 4, 29), "11.1"), ((3, 4, 30), "12.1"), ((3, 4, 31), "13.1"), ((3, 4, 32), "13.2"), ((3, 4, 33), "14.1"),
    ((3, 4, 34), "15.1"),
)  # fmt: skip


def oldest_gcc(glibcxx: tuple[int, ...]) -> str | None:
    """Return the first GCC whose libstdc++ has the version *glibcxx* of ``GLIBCXX``; None before 4.8."""
    return next((gcc for version, gcc in reversed(_GCC_OF_GLIBCXX) if glibcxx >= version), None)
