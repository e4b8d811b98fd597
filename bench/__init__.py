"""Measures of the office against a bare peer on the same machine, the same PostgreSQL and in the same run."""
