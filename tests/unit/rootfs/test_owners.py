"""Whose the files of a root are."""

from __future__ import annotations

from pathlib import Path

from pipeline.rootfs.owners import Owned, Owners, read_listing

LISTING = """\
drwxr-xr-x root/root         0 2023-01-01 00:00 ./
-rwxr-sr-x root/shadow   31184 2023-01-01 00:00 ./sbin/unix_chkpwd
-rwsr-xr-x root/root     72000 2023-01-01 00:00 ./bin/su
drwxrwsr-x root/mail         0 2023-01-01 00:00 ./var/mail/
drwxrwxrwt root/root         0 2023-01-01 00:00 ./tmp/
lrwxrwxrwx root/root         0 2023-01-01 00:00 ./usr/bin/a b -> c d
hrwxr-xr-x root/root         0 2023-01-01 00:00 ./usr/bin/perl5 link to ./usr/bin/perl
something else
"""


def test_a_listing() -> None:
    assert read_listing(LISTING) == {
        "": Owned(user="root", group="root", mode=0o755),
        "usr/sbin/unix_chkpwd": Owned(user="root", group="shadow", mode=0o2755),
        "usr/bin/su": Owned(user="root", group="root", mode=0o4755),
        "var/mail": Owned(user="root", group="mail", mode=0o2775),
        "tmp": Owned(user="root", group="root", mode=0o1777),
        "usr/bin/a b": Owned(user="root", group="root", mode=0o777),
        "usr/bin/perl5": Owned(user="root", group="root", mode=0o755),
    }


def test_names_become_the_roots_numbers(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nman:x:6:12::/:/bin/sh\nbroken\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nmail:x:8:\nshadow:x:42:\n")
    (tmp_path / "var/lib/dpkg/statoverride").write_text("man root 02755 /usr/bin/man\n")
    owners = Owners.of(tmp_path, read_listing(LISTING))
    assert owners.of_file("var/mail", 0o755) == (0, 8, 0o2775)
    assert owners.of_file("usr/bin/man", 0o755) == (6, 0, 0o2755)
    assert owners.of_file("etc/shadow", 0o600) == (0, 42, 0o640)
    assert owners.of_file("etc/hostname", 0o104644) == (0, 0, 0o644)
