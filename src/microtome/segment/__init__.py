"""Whole volumes: instances, what is measured of them, and their meshes, block by block."""
