"""Takes apart what is to be verified, whatever it is packed in, and checks it without running it."""
