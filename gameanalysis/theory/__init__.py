"""Theory: what is promised at a critical point, with every hypothesis checked."""
