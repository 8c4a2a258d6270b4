"""Compiling addons and programs for others, measuring what they need, and packing them."""
