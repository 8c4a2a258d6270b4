"""Images with programs that were built before: their contents, their Dockerfiles, their tags, and the files of OCI."""
