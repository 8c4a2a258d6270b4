"""Rust's tools: Cargo as a typed call, what its files and failures say, and what C dependencies of crates need."""
