"""Proves products that are there already, and the verifier itself."""
