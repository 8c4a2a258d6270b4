"""Toolchains: what the machine has, what is fetched for the rest, and the wrappers that bind it together."""
