"""Accounts: invitations, preferences, and what signing in asks for beyond a password."""
