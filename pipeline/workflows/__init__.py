"""Workflow files for GitHub Actions, made from ``releases.toml``; docs/ci.md describes them.

* ``actions``: the actions that are used, each pinned to a commit;
* ``matrix``: what is built where;
* ``jobs``: the jobs that build and check, and their steps;
* ``publishing``: the jobs of a release;
* ``files``: the workflows, as text.

Nothing here reads or writes files. The syntax is
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax.
"""
