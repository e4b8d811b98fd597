"""Registering a taxpayer for e-services: the form, three ways to activate it, the username, the end of what was not."""
