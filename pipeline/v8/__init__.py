"""V8 start-up snapshots: their layout and what it says."""
