"""What a build record says, held against the files that it is about."""
