"""Frames and masks in, a trained network out."""
