"""The public stream: what of the ledger's events may leave the house, and in which form."""
