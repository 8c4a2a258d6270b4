"""Values of releases: what they consist of, what they should consist of, and what is between the two."""
