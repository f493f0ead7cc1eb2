"""Sources of filings, and what all sources share: one way of asking, one set of words for what came of it."""
