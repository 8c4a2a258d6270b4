"""A copy of a workspace at a fixed path, in which manifests can be rewritten and the sources given stay as they are.

* ``layout``: which directories are copied, and what is linked beside them;
* ``scan``: what lies in a directory;
* ``tree``: bringing the copy up to date;
* ``repository``: what a build script that asks Git is told in the copy.
"""
