"""The jobs that look for new versions and tell of them: an issue, which a person acts upon.

The job that runs other people's code may read only; the one that may write issues checks nothing out, and what it is
handed is text in files. A pull request would take the right to write code, and one that a workflow makes starts none.
"""

from __future__ import annotations

from pipeline.model.spec.ci import CiSpec
from pipeline.workflows.actions import pinned
from pipeline.workflows.jobs import PREPARE_RUNNER, Job, run_step

LOOK_TIMEOUT_MIN = 30
TELL_TIMEOUT_MIN = 5
_NEWS = "news"
_LOOK = """\
nox -s sync > table.txt
if git diff --quiet -- releases.toml; then exit 0; fi
{
  echo 'Upstream has versions that `releases.toml` does not describe (docs/sync.md):'
  printf '\\n```text\\n'; cut -c 1-300 table.txt
  printf '```\\n\\n```diff\\n'; git diff -- releases.toml
  printf '```\\n'
} | head -c 60000 > news.md
echo "news=true" >> "$GITHUB_OUTPUT"
"""
# One issue at a time: what is open is brought up to date.
_TELL = """\
number=$(gh issue list --state open --search "in:title \\"$TITLE\\"" --json number,title \\
  --jq "map(select(.title == \\"$TITLE\\"))[0].number // empty")
if [ -n "$number" ]; then
  gh issue edit "$number" --body-file news.md
else
  gh issue create --title "$TITLE" --body-file news.md
fi
"""
_TITLE = "Upstream has new versions"


def look_job(ci: CiSpec) -> Job:
    """Return the job that runs ``sync`` and hands on what it found."""
    return {
        "name": "look for new versions",
        "runs-on": ci.build_runner,
        "timeout-minutes": LOOK_TIMEOUT_MIN,
        "permissions": {"contents": "read"},
        "outputs": {"news": "${{ steps.sync.outputs.news }}"},
        "steps": [
            {"uses": pinned("actions/checkout"), "with": {"persist-credentials": False}},
            run_step(PREPARE_RUNNER),
            run_step('echo /opt/nox/bin >> "$GITHUB_PATH"'),
            {"id": "sync", **run_step(_LOOK)},
            {
                "if": "steps.sync.outputs.news == 'true'",
                "uses": pinned("actions/upload-artifact"),
                "with": {"name": _NEWS, "path": "news.md", "if-no-files-found": "error"},
            },
        ],
    }


def tell_job(ci: CiSpec) -> Job:
    """Return the job that opens the issue, or brings the open one up to date."""
    return {
        "name": "tell of them",
        "needs": "look",
        "if": "needs.look.outputs.news == 'true'",
        "runs-on": ci.build_runner,
        "timeout-minutes": TELL_TIMEOUT_MIN,
        "permissions": {"issues": "write"},
        "steps": [
            {"uses": pinned("actions/download-artifact"), "with": {"name": _NEWS}},
            run_step(
                _TELL,
                env={
                    "TITLE": _TITLE,
                    "GH_REPO": "${{ github.repository }}",
                    "GH_TOKEN": "${{ github.token }}",
                },
            ),
        ],
    }
