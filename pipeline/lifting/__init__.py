"""Lifting: which build scripts make snapshots, and the manifests that move them to the target. Pure."""
