"""A run: its command line, data and folder, and the trained models in it, to be asked in words."""
