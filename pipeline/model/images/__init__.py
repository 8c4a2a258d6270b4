"""Values of images: their names, their entries in an index, what a release says of them."""
