"""The workflows as text."""

from __future__ import annotations

from typing import Any, Final

import yaml

from pipeline.model.spec.tables import Spec
from pipeline.workflows import jobs, publishing, sync
from pipeline.workflows.actions import with_tags
from pipeline.workflows.matrix import Matrix, make_matrix

Workflow = dict[str, Any]

HEADER: Final = "# Made from releases.toml by `nox -s workflows`; a test compares the two. See docs/ci.md.\n"


def workflow_files(spec: Spec) -> dict[str, str]:
    """Return the text of each workflow by its file name."""
    workflows = {
        "build.yml": _build(spec, make_matrix(spec)),
        "checks.yml": _checks(spec),
        "release.yml": _release(spec),
        "sync.yml": _sync(spec),
    }
    return {name: _text(workflow) for name, workflow in workflows.items()}


def _build(spec: Spec, matrix: Matrix) -> Workflow:
    made: dict[str, jobs.Job] = {}
    if matrix.in_one_job:
        made["build"] = jobs.build_job(spec.ci, matrix.in_one_job)
    if matrix.handed_over:
        for number in range(1, matrix.rounds + 1):
            made[jobs.in_round("generator", number)] = jobs.generator_job(spec.ci, matrix, number)
            made[jobs.in_round("snapshot", number)] = jobs.snapshot_job(matrix, number)
        made["stitch"] = jobs.stitch_job(spec.ci, matrix)
    if matrix.handed_over and matrix.self_hosted:
        # What a fork proposes is built all the same, without a machine of one's own.
        made["from-a-fork"] = jobs.build_job(spec.ci, matrix.handed_over, condition=jobs.FROM_A_FORK)
    return {
        "name": "build",
        "on": {"push": {"branches": ["main"]}, "pull_request": None, "workflow_dispatch": None, "workflow_call": None},
        **_common("build"),
        "jobs": made,
    }


def _checks(spec: Spec) -> Workflow:
    return {
        "name": "checks",
        "on": {"push": {"branches": ["main"]}, "pull_request": None, "workflow_dispatch": None},
        **_common("checks"),
        "jobs": {"checks": jobs.check_job(spec.ci)},
    }


def _release(spec: Spec) -> Workflow:
    """Return the workflow of releases. Started by hand on a branch, it does everything but publish."""
    called = {"uses": "./.github/workflows/build.yml", "permissions": {"contents": "read"}}
    return {
        "name": "release",
        "on": {"push": {"tags": ["v*"]}, "workflow_dispatch": None},
        **_common("release", cancel=False),
        "jobs": {"build": called, **publishing.release_jobs(spec)},
    }


def _sync(spec: Spec) -> Workflow:
    """Return the workflow that looks once a week for versions that are not described."""
    return {
        "name": "sync",
        "on": {"schedule": [{"cron": "17 4 * * 1"}], "workflow_dispatch": None},
        **_common("sync", cancel=False),
        "jobs": {"look": sync.look_job(spec.ci), "tell": sync.tell_job(spec.ci)},
    }


def _common(name: str, *, cancel: bool = True) -> Workflow:
    """Return what every workflow begins with: no rights, and one run at a time for each branch.

    The group has the file's own name in it: a workflow that is called has its caller's ``github.workflow``, and two
    equal groups would wait for each other.
    """
    in_progress = "${{ github.event_name == 'pull_request' }}" if cancel else False
    group = f"{name}-${{{{ github.workflow }}}}-${{{{ github.ref }}}}"
    return {
        "permissions": {},
        "concurrency": {"group": group, "cancel-in-progress": in_progress},
        "defaults": {"run": {"shell": "sh -eu {0}"}},
    }


class _Dumper(yaml.SafeDumper):
    """Writes scripts as blocks, keys in the order given, and lists one step in."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists in mappings, too."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Write everything out: the service's YAML has no anchors."""
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Represent text of several lines as a block."""
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_nothing(self, _data: None) -> yaml.ScalarNode:
        """Represent a trigger without settings."""
        return self.represent_scalar("tag:yaml.org,2002:null", "")


def _text(workflow: Workflow) -> str:
    class Dumper(_Dumper):
        """A class of its own: representers are kept in the class."""

    Dumper.add_representer(str, Dumper.represent_text)
    Dumper.add_representer(type(None), Dumper.represent_nothing)
    body = yaml.dump(workflow, Dumper=Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return HEADER + with_tags(body).replace("'on':", "on:", 1)
