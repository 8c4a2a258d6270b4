"""Stages of a build over several machines."""
