"""Examples of every verb, for ``--help``; a test reads each of them as a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "build": (
        "build --target arm64",
        "build --target arm64 --path ../app --check \"eval 'print(6*7)' => 42\"",
        "build --target arm64 --target s390x --runtime app@1.2.3 --runtime other --out /tmp/apps",
    ),
    "generator": (
        "generator --target arm64",
        "generator --target arm64 --path ../app --out app.generator.tar.gz",
    ),
    "snapshot": (
        "snapshot dist/app-arm64.generator.tar.zst",
        "snapshot dist/app-arm64.generator.tar.zst --executor ssh:me@arm64.example.org",
        "snapshot dist/app-arm64.generator.tar.zst --cross-check qemu,docker",
    ),
    "stitch": ("stitch --target arm64 --snapshot dist/app-arm64.snapshot.tar.zst",),
    "plan": ("plan", "plan --target arm64 --path ../app --json", "plan --units --target arm64"),
    "doctor": ("doctor", "doctor --target arm64 --executor ssh:me@arm64.example.org"),
    "verify": (
        "verify dist/*.zip",
        "verify --target arm64 --glibc 2.31 ./app",
        "verify --static-only docker://registry.example.org/app:1.2.3",
        "verify --self-test --json dist/app-1.2.3-linux-arm64.zip",
    ),
    "report": ("report dist/app-1.2.3-linux-arm64.build-info.json --out app.html",),
    "v8": ("v8 --target arm64 --version 137.3.0", "v8 --target armhf --version 137.3.0 --out /my/mirror"),
    "sync": ("sync --dry-run", "sync --runtime app --check-lifting"),
    "publish": ("publish --tag v1.2.3 --dry-run", "publish --tag v1.2.3 --repository me/app"),
    "release assemble": ("release assemble --tag v1.2.3",),
    "release apply-delta": ("release apply-delta app-1.2.2.zip app-1.2.3.delta app-1.2.3.zip",),
    "release fetch": ("release fetch --tag v1.2.2 --kind tar --out previous",),
    "release list": ("release list --repository me/app",),
    "release withdraw": ("release withdraw --tag v1.2.3 --reason 'starts on no machine with 64 KiB pages'",),
    "release republish": ("release republish --tag v1.2.3",),
    "release prune": ("release prune",),
    "release unlock": ("release unlock --tag v1.2.3",),
    "image": (
        "image --write",
        "image --layout /tmp/app-image --variant scratch --target arm64",
        "image --bake /tmp/images",
        "image --publish /tmp/images --repository registry.example.org/app",
        "image --push scratch=/tmp/images/scratch --repository registry.example.org/app",
    ),
    "cache list": ("cache list",),
    "cache explain": ("cache explain --target arm64",),
    "cache verify": ("cache verify",),
    "cache prune": ("cache prune --max-size 500M", "cache prune --older-than 30 --work"),
    "cache export": ("cache export snapshots.tar.zst",),
    "cache import": ("cache import snapshots.tar.zst",),
    "root create": ("root create --target arm64 --package cmake",),
    "root list": ("root list",),
    "root run": ("root run --target arm64 -- make", "root run --target arm64 --report -- npm ci"),
    "root shell": ("root shell --target arm64 --keep work",),
    "root compare": ("root compare --target arm64",),
    "root export": ("root export --target arm64 --package cmake --out root.oci.tar",),
    "root destroy": ("root destroy --target arm64",),
    "prebuild": ("prebuild --target arm64", "prebuild addon --target arm64 --target amd64 --libc musl"),
    "install": (
        "install app-1.2.3.prebuilds.json",
        "install https://example.org/app/app-1.2.3.prebuilds.json --out node_modules/app --lock prebuilds.lock",
        "install app-1.2.3.prebuilds.json --target arm64 --libc musl --out /tmp/app",
    ),
    "reference": ("reference > releases-toml.md", "reference --schema build-info"),
    "workflows": ("workflows", "workflows --check"),
    "completion": (
        "completion bash >> ~/.bashrc",
        "completion zsh > ~/.zfunc/_snapstitch",
        "completion fish > ~/.config/fish/completions/snapstitch.fish",
    ),
}
"""Command lines after the program's name, by the path of the verb."""


def with_examples(path: str, command: click.Command) -> click.Command:
    """Return *command* with its examples below its help; a group's verbs get theirs, too."""
    for name, inner in getattr(command, "commands", {}).items():
        with_examples(f"{path} {name}", inner)
    lines = EXAMPLES.get(path, ())
    if lines:
        # \b: click keeps the lines as they are.
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  snapstitch {line}" for line in lines)
    return command
