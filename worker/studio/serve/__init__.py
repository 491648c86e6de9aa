"""Two servers for the same jobs: one attaches to the platform's queue, one is the queue itself."""
