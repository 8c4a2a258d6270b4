"""Reading ELF files: pure, bounded, never executing anything."""
