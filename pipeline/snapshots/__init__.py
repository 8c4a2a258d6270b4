"""Snapshots between the generator and the product: where they lie, how they travel, whether they come out the same."""
