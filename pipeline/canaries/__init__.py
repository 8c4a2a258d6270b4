"""Runs of a product that show that its snapshot works: one after the other, from easy to demanding."""
