"""Data: generated, read, checked, split. Knows no model."""
