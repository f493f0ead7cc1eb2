"""How days and times are written where nothing else says so, which is in the admin."""
