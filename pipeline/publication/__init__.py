"""How a release comes to be: drafts of ours, assets brought up and proved, withdrawal.

* ``marker``: how a release of ours is known;
* ``drafts``: the one draft of a tag;
* ``transfer``: bytes there, and bytes back to be compared;
* ``withdrawal``: releases that should not have been.
"""
