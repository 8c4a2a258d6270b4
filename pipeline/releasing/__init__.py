"""What releases are assembled from and held against: finished builds, earlier releases, directories that are whole."""
