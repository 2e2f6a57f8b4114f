"""Two frames in, one displacement field out."""
