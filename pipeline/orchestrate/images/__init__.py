"""From finished builds to images, and to their tags in registries."""
