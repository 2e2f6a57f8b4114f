"""Many videos or notebooks: planned by content, run by an engine, whole or not at all, and reported."""
