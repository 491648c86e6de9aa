"""Jobs of this process: their states, their results, their one place on the device."""
