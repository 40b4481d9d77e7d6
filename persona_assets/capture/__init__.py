"""Finds the files of a capture, and those that belong to a day."""
