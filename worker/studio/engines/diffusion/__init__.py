"""Text to image with pipelines of diffusers."""
