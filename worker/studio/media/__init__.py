"""Images as files: encoding, names, sizes."""
