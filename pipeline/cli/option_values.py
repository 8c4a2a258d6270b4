"""Values that options have, each from its text; all raise UsageError for one that means nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.model.prebuilds.manifest import Probe
from pipeline.model.spec.origins import PrebuiltVm, SourceVm, SystemVm, VmProvider
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.spec.values import GLIBC_VERSION


def parse_check(text: str) -> Canary:
    """Return the canary that ``ARGS=>TEXT`` means: run with ARGS (split like a shell), TEXT is in what it prints."""
    arguments, arrow, expected = text.partition("=>")
    words = parse_words("--check", arguments, whole=text)
    if not arrow or not words or not expected.strip():
        raise misfit(f"--check {text!r} is not ARGS=>TEXT", "such as --check \"eval 'print(6*7)' => 42\"")
    return Canary(args=words, stdout_contains=expected.strip())


def parse_probe(text: str) -> Probe:
    """Return the probe that runs a program with the arguments *text*, split like a shell."""
    return Probe(args=parse_words("--probe", text))


def parse_words(option: str, text: str, *, whole: str = "") -> tuple[str, ...]:
    """Return the words of *text*, split like a shell; it is part of *whole*, the value that the option was given."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise misfit(f"{option} {whole or text!r}: {error}", "close every quote") from error


def parse_v8(text: str, *, start_dir: Path) -> VmProvider:
    """Return the provider that ``KIND[:WHERE]`` means; a relative directory begins at *start_dir*."""
    kind, _colon, where = text.partition(":")
    match kind:
        case "system":
            return SystemVm(kind="system", packages=tuple(where.split(","))) if where else SystemVm(kind="system")
        case "prebuilt":
            place = where if "://" in where or not where else str(start_dir / Path(where).expanduser())
            return PrebuiltVm(kind="prebuilt", mirror=place or None)
        case "source":
            return SourceVm(kind="source")
        case _:
            raise misfit(f"--v8 {text!r} is none of system, prebuilt, source", "such as --v8 prebuilt:/my/mirror")


def parse_glibc(text: str | None) -> str | None:
    """Return a version of glibc, as it was given."""
    if text is not None and not GLIBC_VERSION.fullmatch(text):
        raise misfit(f"--glibc {text!r} is not a version of glibc", "such as --glibc 2.31")
    return text


def parse_assignment(text: str) -> tuple[str, str]:
    """Return name and value of ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise misfit(f"--env {text!r} is not NAME=VALUE", "such as --env CC_FLAGS=-O2")
    return name, value


def misfit(what: str, action: str) -> UsageError:
    """Return the error for options, or a text, that cannot be meant."""
    return UsageError(what, cause="the options do not fit together", action=action)
