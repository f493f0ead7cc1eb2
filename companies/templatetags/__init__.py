"""Tags and filters for templates about filings and figures."""
