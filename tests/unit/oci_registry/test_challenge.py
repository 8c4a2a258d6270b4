"""What registries ask for before they answer."""

from __future__ import annotations

import pytest

from pipeline.errors import RegistryError
from pipeline.oci_registry.challenge import Challenge, check_realm, read_challenge


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', Challenge(scheme="basic", realm="x")),
        (
            'Bearer realm="https://a.example/token",service="s",scope="repository:a/b:pull,push"',
            Challenge(scheme="bearer", realm="https://a.example/token", service="s", scope="repository:a/b:pull,push"),
        ),
        (
            'Basic realm="x", Bearer realm="https://a.example/t"',
            Challenge(scheme="bearer", realm="https://a.example/t"),
        ),
        ("bearer realm=https://a.example/t", Challenge(scheme="bearer", realm="https://a.example/t")),
        ("Negotiate", None),
        ("", None),
        ('Bearer realm="' + "x" * 100_000, Challenge(scheme="bearer")),
    ],
)
def test_a_challenge(header: str, expected: Challenge | None) -> None:
    found = read_challenge(header)
    assert found == expected or (len(header) > 8192 and found is not None and found.scheme == "bearer")


@pytest.mark.parametrize("realm", ["http://a.example/token", "https://me:secret@a.example/", "ftp://a.example", ""])
def test_no_password_goes_to_such_an_address(realm: str) -> None:
    with pytest.raises(RegistryError) as caught:
        check_realm(Challenge(scheme="bearer", realm=realm), "registry.example")
    assert "secret" not in caught.value.what
    assert caught.value.what.startswith("registry.example hands out its tokens at ")


@pytest.mark.parametrize("realm", ["https://a.example/token", "http://127.0.0.1:5000/token", "http://localhost/t"])
def test_a_password_may_go_there(realm: str) -> None:
    check_realm(Challenge(scheme="bearer", realm=realm), "registry.example")
