"""From recipes to prebuilds, for each target and C library."""
