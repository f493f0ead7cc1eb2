"""Filings: their files, their text, and the pages on which they are found and read."""
