"""What computes: the only room that imports torch, and only when a route asks for it."""
