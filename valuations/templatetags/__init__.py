"""Tags and filters of the valuation pages."""
