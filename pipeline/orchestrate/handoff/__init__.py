"""A build over several machines: generators, snapshots, the product."""
