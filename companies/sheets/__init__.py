"""Tables that leave and enter as files."""
