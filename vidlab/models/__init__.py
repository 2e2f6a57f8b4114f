"""Frames in, instances or class probabilities out."""
