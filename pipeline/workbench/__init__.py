"""Lifting done on an overlay: the forms of each lifted package, tried out with Cargo, and switched between."""
