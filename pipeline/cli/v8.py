"""``v8``: compiles V8 from the sources in its crate, for a mirror that the provider ``prebuilt`` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from pipeline.cli.settings import common_options, open_session
from pipeline.model.build import LocalExecutorChoice, ToolchainMode
from pipeline.model.target import find_target
from pipeline.orchestrate.v8_source import V8Request, make_v8
from pipeline.v8.recipe import DEFAULT_FEATURES, V8Order

DEFAULT_OUT_DIR = Path("v8-mirror")
_FEATURES = ("use_custom_libcxx", "v8_enable_pointer_compression")


@click.command("v8")
@click.option("-t", "--target", metavar="NAME", required=True, help="Target, such as arm64.")
@click.option("--version", metavar="VERSION", required=True, help="Of the v8 crate, as Cargo.lock has it.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", default=DEFAULT_OUT_DIR, help="Mirror to fill.")
@click.option("--feature", "features", multiple=True, type=click.Choice(_FEATURES), help="Feature of the crate.")
@click.option("--no-default-features", is_flag=True, help="Without the crate's use_custom_libcxx.")
@click.option("--gn-arg", "gn_args", multiple=True, metavar="NAME=VALUE", help="Further argument for GN; repeatable.")
@click.option("--suite", metavar="NAME", help="Release of the distribution for the sysroot.")
@click.option("--toolchain", type=click.Choice(get_args(ToolchainMode)), default="auto", help="See build.")
@click.option("--executor", type=click.Choice(get_args(LocalExecutorChoice)), default="auto", help="See build.")
@common_options
def v8(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Compile V8 from source; go on where an interrupted run stopped."""
    defaults = frozenset() if options["no_default_features"] else DEFAULT_FEATURES
    order = V8Order(
        version=options["version"],
        target=find_target(options["target"]),
        features=defaults | frozenset(options["features"]),
        extra_arguments=options["gn_args"],
    )
    request = V8Request(
        order=order, suite=options["suite"], toolchain=options["toolchain"], executor=options["executor"]
    )
    with open_session() as session:
        made = make_v8(request, session.context, Path.cwd() / options["out"])
        lines = [*map(str, made.files), *(f"    {line}" for line in made.evidence)]
        result = {"mirror": str(made.mirror), "files": [str(path) for path in made.files]}
        session.result({"schema": 1, **result, "evidence": list(made.evidence)}, "".join(f"{x}\n" for x in lines))
