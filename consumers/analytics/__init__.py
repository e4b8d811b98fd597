"""Marts made of the published facts, and the report that is drawn from them."""
