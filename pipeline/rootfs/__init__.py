"""A Debian root of another architecture, entered by an ordinary user, with native tools inside."""
