"""Masks over time: filters, and the stabilizer that follows motion."""
