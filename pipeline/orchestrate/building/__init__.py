"""A build on one machine, from the request to zips."""
