"""Programs of this machine that do in a root what the root's own do: which, and what they are called.

Each gives the same output on every architecture.
"""

from __future__ import annotations

BINUTILS = (
    "addr2line", "ar", "as", "c++filt", "elfedit", "gprof", "ld", "ld.bfd", "ld.gold", "nm", "objcopy", "objdump",
    "ranlib", "readelf", "size", "strings", "strip",
)  # fmt: skip
HELPERS = {
    "bash": ("bash",),
    "coreutils": (
        "[", "arch", "b2sum", "base32", "base64", "basename", "basenc", "cat", "chgrp", "chmod", "chown", "cksum",
        "comm", "cp", "csplit", "cut", "date", "dd", "df", "dir", "dircolors", "dirname", "du", "echo", "env", "expand",
        "expr", "factor", "false", "fmt", "fold", "head", "id", "install", "join", "link", "ln", "ls", "md5sum",
        "mkdir", "mkfifo", "mktemp", "mv", "nl", "nohup", "numfmt", "od", "paste", "pathchk", "pr", "printenv",
        "printf", "ptx", "pwd", "readlink", "realpath", "rm", "rmdir", "seq", "sha1sum", "sha224sum", "sha256sum",
        "sha384sum", "sha512sum", "shred", "shuf", "sleep", "sort", "split", "stat", "sum", "sync", "tac", "tail",
        "tee", "test", "touch", "tr", "true", "truncate", "tsort", "tty", "uname", "unexpand", "uniq", "wc",
        "whoami", "yes",
    ),
    "dash": ("dash", "sh"),
    "diffutils": ("cmp", "diff", "diff3", "sdiff"),
    "dpkg": ("dpkg-deb",),
    "file": ("file",),
    "findutils": ("find", "xargs"),
    "grep": ("grep",),
    "gzip": ("gzip",),
    "m4": ("m4",),
    "make": ("make", "gmake"),
    "mawk": ("mawk", "awk"),
    "ninja-build": ("ninja",),
    "patch": ("patch",),
    "patchelf": (),
    "perl": ("perl",),
    "sed": ("sed",),
    "tar": ("tar",),
    "xz-utils": ("xz", "lzma", "unxz", "xzcat"),
    "zstd": ("zstd", "unzstd", "zstdcat"),
    "bzip2": ("bzip2", "bunzip2", "bzcat"),
    "ccache": ("ccache",),
}  # fmt: skip
"""Helpers by package, and the names that they go by."""
TARGETS = {
    "sh": "dash", "gmake": "make", "awk": "mawk", "lzma": "xz", "unxz": "xz", "xzcat": "xz", "unzstd": "zstd",
    "zstdcat": "zstd", "bunzip2": "bzip2", "bzcat": "bzip2",
}  # fmt: skip
"""Names that are second names of a program."""
