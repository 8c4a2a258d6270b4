"""Bills of materials: the list of a product's components, and the standard forms that it is written in."""
