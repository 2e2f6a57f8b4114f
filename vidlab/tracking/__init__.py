"""Instances of this frame, given identities over time."""
