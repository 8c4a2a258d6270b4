"""``doctor``: say what is there, what a build would fetch, and what is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.cli.request import RequestOptions, make_request, request_options
from pipeline.cli.settings import common_options, open_session
from pipeline.cli.spec_file import find_spec
from pipeline.errors import ToolboxError
from pipeline.executors.survey import Wanted
from pipeline.model.build import BuildRequest
from pipeline.model.doctor import DoctorFinding, Health
from pipeline.model.events import Where
from pipeline.stages import doctor as stage
from pipeline.toolchains.request import ToolboxInputs

_WORDS = {Health.OK: "ok", Health.FETCH: "fetch", Health.ABSENT: "none", Health.PROBLEM: "WRONG"}


@click.command("doctor")
@request_options
@common_options
def doctor(options: RequestOptions) -> None:
    """Say what is there, what would be fetched, and what is wrong."""
    start_dir = Path.cwd()
    if options.path is None and options.spec is None and find_spec(start_dir) is None:
        # Without a specification: what any workspace would need.
        options = dataclasses.replace(options, path=start_dir)
    with open_session() as session:
        request = make_request(options, start_dir=start_dir)
        with session.reporter.step("looking at the machine and at what could be fetched", where=Where.NETWORK):
            found = stage.run(_inputs(request), session.context)
        session.result(findings_json(found), findings_text(found))
        wrong = [finding for finding in found if finding.health is Health.PROBLEM]
    if wrong:
        raise click.exceptions.Exit(ToolboxError.exit_code)


def findings_text(findings: Sequence[DoctorFinding]) -> str:
    """Return findings for people: a line each, and the remedy below what is wrong."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{_WORDS[finding.health]:<6} {finding.subject:<{width}}  {finding.message}")
        if finding.remedy:
            lines.append(f"{'':6} {'':{width}}  -> {finding.remedy}")
    return "".join(f"{line}\n" for line in lines)


def findings_json(findings: Sequence[DoctorFinding]) -> dict[str, object]:
    """Return findings for programs; every value is a JSON value."""
    return {"schema": 1, "findings": [finding.model_dump(mode="json") for finding in findings]}


def _inputs(request: BuildRequest) -> stage.DoctorInputs:
    targets = tuple(wanted.target for wanted in request.targets)
    wanted = Wanted(targets=targets, executor=request.executor, host=request.host)
    return stage.DoctorInputs(toolboxes=_toolboxes(request), executors=wanted)


def _toolboxes(request: BuildRequest) -> tuple[ToolboxInputs, ...]:
    return tuple(
        ToolboxInputs(
            target=wanted.target,
            suite=wanted.suite,
            sysroot_packages=request.runtime.vm_packages(wanted.target.name),
            mode=request.toolchain,
        )
        for wanted in request.targets
    )
