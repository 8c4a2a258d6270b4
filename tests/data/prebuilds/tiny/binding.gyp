{ "targets": [{ "target_name": "tiny", "sources": ["tiny.c"] }] }
