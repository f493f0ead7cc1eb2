"""Notes on passages of filings."""
