"""The timers: what runs beside the road, and how often."""
