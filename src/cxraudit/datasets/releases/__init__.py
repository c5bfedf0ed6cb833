"""Published releases, one module each."""
