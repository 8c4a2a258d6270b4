"""What the launcher is told: which root, what is mounted in it, what is run there. Standard library only."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bind:
    """A file or directory of this machine that is seen in the root."""

    source: str
    inside: str
    """Absolute path in the root."""
    read_only: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """One program to be run in a root of its own."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    root: str
    """Directory that becomes ``/``, or the lower one of an overlay."""
    mount_point: str
    """Empty directory of ours on which the root is mounted; nobody outside sees that."""
    overlay: str | None = None
    """Directory with ``upper`` and ``work``, which takes all changes; None: the root itself is changed."""
    cwd: str = "/"
    binds: tuple[Bind, ...] = ()
    handlers: tuple[str, ...] = ()
    """Lines for binfmt_misc."""
    network: bool = True
    outside: bool = False
    """Run a program of this machine, which sees the whole machine, and enters the root by itself."""
    durable: bool = True
    """False: fsync and its kin do nothing, for what is made anew when the machine stops."""
    tracer: str = ""
    """``proot``: it enters by ptrace, with what *binds* say and no more; empty: namespaces do it."""
    emulator: str = ""
    """For the tracer, where the root is of another architecture."""
    accounts: str | None = None
    """File that gets a line of JSON for each program that ran; None: nobody looks."""

    def to_json(self) -> str:
        """Return what ``from_json`` reads."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Read what ``to_json`` wrote."""
        fields = json.loads(text)
        fields["binds"] = tuple(Bind(**bind) for bind in fields["binds"])
        fields |= {name: tuple(fields[name]) for name in ("argv", "handlers")}
        return cls(**fields)
