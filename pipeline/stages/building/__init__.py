"""Stages of a build on one machine."""
