"""Segment electron-microscopy volumes with as few minutes of an expert's time as possible."""
