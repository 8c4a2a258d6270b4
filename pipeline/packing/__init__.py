"""Archives: zips, tars, compressed streams and deltas, written byte for byte equal, read without trust."""
