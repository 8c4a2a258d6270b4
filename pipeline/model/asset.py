"""Names of the zips that are released: a template of the runtime, filled in for each version and target."""

from __future__ import annotations

import difflib
import re

from pipeline.model.target import TARGETS, Target

ZIP_SUFFIX = ".zip"
OS_NAME = "linux"
DEFAULT_ASSET_NAME = "{runtime}-{version}-{os}-{target}.zip"
PLACEHOLDERS = ("runtime", "version", "os", "target", "rust-triple", "gnu-triple", "node-arch")
VERSION_PLACEHOLDER = "{version}"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# What every file system and every release page takes as it is.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+~-]")
_WORD_CHARACTER = "[A-Za-z0-9]"


def asset_name(template: str, *, runtime: str, version: str, target: Target) -> str:
    """Return the file name that *template*, one that `checked_template` passed, means for one build."""
    values = {
        "runtime": runtime,
        "version": version,
        "os": OS_NAME,
        "target": target.name,
        "rust-triple": target.rust_triple,
        "gnu-triple": target.gnu_triple,
        "node-arch": target.node_arch,
    }
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def checked_template(template: str) -> str:
    """Return *template*; raises ValueError, with every mistake on a line of its own, when it cannot be one."""
    problems = [*_placeholder_problems(template), *_literal_problems(_PLACEHOLDER.sub("", template))]
    if not template.endswith(ZIP_SUFFIX):
        problems.append(f"must end with {ZIP_SUFFIX!r}, not like {template!r}")
    if template.startswith((".", "-")):
        problems.append(f"must not begin with {template[0]!r}")
    if problems:
        raise ValueError("\n".join(problems))
    return template


def checked_name(name: str) -> str:
    """Return *name*, which becomes a part of file names; raises ValueError when it cannot be one."""
    problems = _literal_problems(name)
    if name.startswith((".", "-")):
        problems.append(f"must not begin with {name[0]!r}")
    if problems:
        raise ValueError("\n".join(problems))
    return name


def target_in_name(file_name: str) -> Target | None:
    """Return the target that *file_name* names, by any of its names; None when it names none, or more than one."""
    found = [target for target in TARGETS if any(_has_word(file_name, word) for word in _words(target))]
    return found[0] if len(found) == 1 else None


def _words(target: Target) -> tuple[str, ...]:
    return (target.name, target.rust_triple, target.gnu_triple, target.node_arch)


def _has_word(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<!{_WORD_CHARACTER}){re.escape(word)}(?!{_WORD_CHARACTER})", text))


def _placeholder_problems(template: str) -> list[str]:
    problems = []
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            near = difflib.get_close_matches(name, PLACEHOLDERS, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"there is no placeholder {name!r}{guess} (known: {', '.join(PLACEHOLDERS)})")
    return problems


def _literal_problems(literal: str) -> list[str]:
    if {"{", "}"} & set(literal):
        return ["has a brace without its counterpart"]
    wrong = sorted(set(_NOT_IN_NAMES.findall(literal)))
    return [f"must not have {' or '.join(map(repr, wrong))} in it: it is the name of a file"] if wrong else []
