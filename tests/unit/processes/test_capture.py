"""What is kept of output without end."""

from __future__ import annotations

from pipeline.processes.capture import Capture


def test_everything_up_to_the_limit() -> None:
    capture = Capture(10)
    for part in (b"abc", b"", b"de", b"fghij"):
        capture.add(part)
    assert capture.value() == b"abcdefghij"


def test_beginning_and_end_beyond_it() -> None:
    capture = Capture(10)
    for number in range(100):
        capture.add(b"%02d" % number)
    assert capture.value() == b"0001" + b"79899"[-5:]


def test_a_late_small_part_stays_in_its_place() -> None:
    capture = Capture(10)
    for part in (b"ab", b"cdefgh", b"i"):
        capture.add(part)
    assert capture.value() == b"ab" + b"efghi"
