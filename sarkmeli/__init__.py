"""Wiring and command line: settings, the one composition root, the supervisor. Nothing of the office itself."""
