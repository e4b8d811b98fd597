"""Compatriot status: a person living abroad applies, is seen, pays, is decided upon."""
