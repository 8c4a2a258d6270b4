"""``releases.toml``: what it may say, how it is read, changed and chosen from."""
