"""The life of the service: what is checked before the doors, the parts, the workers."""
