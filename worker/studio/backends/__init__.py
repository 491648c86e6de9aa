"""What other programs do for the worker: it talks to them and never imports them."""
