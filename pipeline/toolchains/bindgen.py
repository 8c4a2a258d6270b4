"""bindgen's command, compiled from its package: distributions have it in versions that make other declarations."""

from __future__ import annotations

from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.rust import cargo
from pipeline.toolchains.plan import toolbox_dir

PACKAGE = "bindgen-cli"


def ensure_bindgen(version: str, toolchain: Toolchain, context: Context) -> Path:
    """Return bindgen of exactly *version*, compiled for the build host the first time.

    Raises NetworkError when it would have to be fetched and may not, ToolboxError with Cargo's words.
    """
    final = toolbox_dir(context) / f"bindgen-{version}"
    program = final / "bin/bindgen"
    with fs.locked_beside(final, hidden=True):
        if not program.is_file():
            with context.reporter.step(f"bindgen {version}: compile"):
                _install(version, final, toolchain, context)
    return program


def _install(version: str, final: Path, toolchain: Toolchain, context: Context) -> None:
    if context.offline:
        raise NetworkError(
            f"bindgen {version} is not here, and --offline was given",
            cause="it was never fetched; it makes the declarations of V8 for targets that the crate has none for",
            action="run the same command once without --offline",
        )
    with fs.atomic_directory(final) as staging:
        command = proc.Command(
            # Unoptimised: it runs for seconds, and is compiled in half the time.
            argv=(
                *(str(toolchain.cargo), "install", PACKAGE, "--version", f"={version}", "--locked", "--debug"),
                *("--no-track", "--root", str(staging), "--target-dir", str(staging / "target")),
            ),
            env=cargo.environment(toolchain, context),
            cwd=staging,
        )
        completed = proc.run(command)
        if completed.exit_code != 0:
            raise ToolboxError(
                f"bindgen {version} cannot be compiled",
                cause="no network, or a Rust that is too old for it",
                action=f"by hand:\n{command.replay_line()}",
                details=completed.stderr.decode(errors="replace"),
            )
        fs.remove_tree(staging / "target")
