"""Masks in and out of files."""
