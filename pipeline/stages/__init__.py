"""One verb a module: frozen inputs in, frozen outputs out; no stage imports another."""
