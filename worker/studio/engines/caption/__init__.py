"""Captions by transformers' own classes. What needs no torch stands apart: prompt, precision, repeats."""
