"""The copies that an analysed workspace needs: of the workspace itself, and of lifted packages from elsewhere."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.analysis import Analysis, LiftedPackage
from pipeline.overlay.layout import plan
from pipeline.overlay.overrides import Copied, Copies, Overrides
from pipeline.overlay.tree import Overlay, Watch


def copies_for(analysis: Analysis, work_dir: Path) -> Copies:
    """Return the copies, which nothing has been written to yet."""
    return Copies(workspace=_workspace(analysis, work_dir), overrides=_overrides(analysis, work_dir))


def trigger_path(work_dir: Path, package: LiftedPackage) -> Path:
    """Return the file that gets a new time whenever a file of *package* changes."""
    return work_dir / "steps" / f"{package.key.slug}.inputs"


def _workspace(analysis: Analysis, work_dir: Path) -> Overlay:
    layout = plan(
        [analysis.workspace_root, *(package.directory for package in analysis.path_packages)],
        tree=work_dir / "tree",
        git_top=analysis.git.top_dir if analysis.git else None,
        excluded=[work_dir, analysis.target_directory],
    )
    local = [package for package in analysis.lifted if not package.origin.is_elsewhere]
    watch = Watch(
        packages={package.directory: package.key for package in analysis.path_packages},
        rewritten=frozenset(package.manifest_path for package in local),
        triggers={package.key: trigger_path(work_dir, package) for package in local},
    )
    return Overlay(layout, state_path=work_dir / "tree.json", watch=watch)


def _overrides(analysis: Analysis, work_dir: Path) -> Overrides:
    elsewhere = [package for package in analysis.lifted if package.origin.is_elsewhere]
    triggers: dict[Copied, Path | None] = {package: trigger_path(work_dir, package) for package in elsewhere}
    triggers |= dict.fromkeys(analysis.patched)
    return Overrides(triggers, directory=work_dir / "overrides")
