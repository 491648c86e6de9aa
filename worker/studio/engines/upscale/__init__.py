"""Enlarging with networks of the Real-ESRGAN architecture."""
