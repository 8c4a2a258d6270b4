"""GitHub's REST interface, as far as releases need it; what is done with it is not decided here.

* ``access``: which repository, and the token;
* ``patience``: rate limits, and how long is waited for what;
* ``api``: one call, with all its attempts;
* ``releases``, ``refs``: the endpoints;
* ``holder``, ``lock``: one publisher at a time.

docs/publish.md lists the behaviours of the service that this relies on, each with its source.
"""
