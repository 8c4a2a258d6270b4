"""Values of prebuilds: their names, their manifest, what making them came to."""
