"""A toolbox that came with the machine, such as in the toolchain image: plans and package files, ready to be used.

What lies there is taken as the mirror's would be: a plan goes by its question, a package by its name and digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline import fs
from pipeline.model.package import Package
from pipeline.toolchains.plan import Plan, read_plan

SEED_VARIABLE: Final = "SNAPSTITCH_TOOLBOX_SEED"
"""Names the directory."""
PLANS_DIR: Final = "plans"
PACKAGES_DIR: Final = "packages"


def seeded_plan(environ: Mapping[str, str], name: str) -> Plan | None:
    """Return the plan of the file *name* that the machine came with, None where there is none."""
    directory = environ.get(SEED_VARIABLE)
    return read_plan(Path(directory, PLANS_DIR, name)) if directory else None


def take_packages(environ: Mapping[str, str], packages: Iterable[Package], packages_dir: Path) -> None:
    """Copy those files of *packages* that the machine came with to *packages_dir*, where they are not there.

    The caller holds a lock on it, and checks their digests, as it does for every file there. Raises DiskFullError.
    """
    directory = environ.get(SEED_VARIABLE)
    if not directory:
        return
    fs.make_directory(packages_dir)
    with fs.explained(packages_dir):
        for package in packages:
            seeded, place = Path(directory, PACKAGES_DIR, package.file_name), packages_dir / package.file_name
            if seeded.is_file() and not place.exists():
                # A copy that is cut must not have the package's name.
                shutil.copyfile(seeded, place.with_name(f"{place.name}.seed"))
                place.with_name(f"{place.name}.seed").replace(place)


def write_seed(directory: Path, plans: Mapping[str, Plan], packages_dir: Path) -> None:
    """Write *plans*, by the names of their files, and their packages from *packages_dir*, where all of them lie."""
    (directory / PACKAGES_DIR).mkdir(parents=True)
    for name, plan in plans.items():
        fs.write_text(directory / PLANS_DIR / name, plan.model_dump_json(indent=1))
        for package in (*plan.tools, *plan.sysroot):
            place = directory / PACKAGES_DIR / package.file_name
            if not place.exists():
                shutil.copyfile(packages_dir / package.file_name, place)
