"""Models that somebody put on the volume: where they lie and of which type they are. Loads none of them."""
