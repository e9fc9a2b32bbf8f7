"""Pictures: what is drawn, layer by layer; the only row that asks for Matplotlib."""
