"""Vendors of prices that want a key, as sources for Xinpan: one file each."""
