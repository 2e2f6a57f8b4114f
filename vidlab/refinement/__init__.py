"""Outlines that follow the picture: what a network said of a frame, refined before anything else hears of it."""
