"""A cache of compiled objects in front of rustc, and by way of the ``cc`` crate in front of C compilers: sccache.

Whoever sets Cargo's own variable RUSTC_WRAPPER (The Cargo Book, "Environment variables") gets it; where objects are
kept is said by sccache's variables (https://github.com/mozilla/sccache/blob/main/docs/Configuration.md). These may
hold secrets, so they reach sccache's server only, which is started first: compilers and build scripts find it by its
port.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.errors import ToolboxError
from pipeline.processes import proc

WRAPPER_VARIABLE = "RUSTC_WRAPPER"
_SERVER_NAME = "sccache"
_CLIENT_VARIABLES = ("SCCACHE_SERVER_PORT", "SCCACHE_SERVER_UDS")
"""All that compilers need to find the server."""
_SERVER_PREFIXES = ("SCCACHE_", "AWS_", "ACTIONS_")
_TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompilerCache:
    """What stands in front of the compilers; nothing, where *wrapper* is None."""

    wrapper: Path | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variables for Cargo."""
    server_env: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    def figures(self) -> str | None:
        """Return in a few words what came from the cache since the server began; None where that is not known."""
        if self.wrapper is None or self.wrapper.name != _SERVER_NAME:
            return None
        answered = _call(self.wrapper, self.server_env, "--show-stats", "--stats-format", "json")
        try:
            stats = json.loads(answered.stdout)["stats"]
            hits, misses = (sum(stats[name]["counts"].values()) for name in ("cache_hits", "cache_misses"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return f"{hits} objects from the compiler cache, {misses} compiled"


@contextlib.contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[CompilerCache]:
    """Yield the compiler cache that *environ* asks for, its server running; one that was started here is ended.

    Raises ToolboxError when RUSTC_WRAPPER names no program, or the server does not start.
    """
    named = environ.get(WRAPPER_VARIABLE)
    if not named:
        yield CompilerCache()
        return
    wrapper = proc.find_program(named, environ)
    if wrapper is None:
        raise ToolboxError(
            f"{WRAPPER_VARIABLE} is {named}, and there is no such program",
            cause="it is misspelt, not installed, or not on the PATH",
            action="install it, or unset the variable",
        )
    wrapper = wrapper.absolute()
    env = {WRAPPER_VARIABLE: str(wrapper)} | {name: environ[name] for name in _CLIENT_VARIABLES if name in environ}
    if wrapper.name != _SERVER_NAME:
        yield CompilerCache(wrapper=wrapper, env=env)
        return
    passed = {name: value for name, value in environ.items() if name.startswith(_SERVER_PREFIXES)}
    server_env = proc.base_environment(environ) | passed
    started = _start(wrapper, server_env)
    try:
        yield CompilerCache(wrapper=wrapper, env=env, server_env=server_env)
    finally:
        if started:
            _call(wrapper, server_env, "--stop-server")


def _start(wrapper: Path, env: Mapping[str, str]) -> bool:
    """Start the server; return False when one runs already."""
    done = _call(wrapper, env, "--start-server")
    if done.exit_code == 0:
        return True
    if _call(wrapper, env, "--show-stats").exit_code == 0:
        return False
    raise ToolboxError(
        f"the server of {wrapper} does not start",
        cause="its settings (SCCACHE_…) name storage that cannot be reached, or that this build of it does not know",
        action=f"see what it says, above; or unset {WRAPPER_VARIABLE}",
        details=done.stderr.decode(errors="replace"),
    )


def _call(wrapper: Path, env: Mapping[str, str], *arguments: str) -> proc.Completed:
    return proc.run(proc.Command(argv=(str(wrapper), *arguments), env=env, timeout_s=_TIMEOUT_S))
