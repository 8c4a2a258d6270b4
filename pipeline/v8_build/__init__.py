"""V8 from source: what GN and ninja are given, how ninja is run, what is kept of it."""
