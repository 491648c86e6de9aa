"""Studio worker: image routes behind two servers that share one job runner."""

__version__ = "1.0.0"
