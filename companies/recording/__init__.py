"""Figures that people record from a passage of a filing."""
