"""How programs of the target run: one module per executor."""
