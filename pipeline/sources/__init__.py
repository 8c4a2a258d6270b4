"""Where sources come from: repositories, registries of packages, and patches for what came."""
