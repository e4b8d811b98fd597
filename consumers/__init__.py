"""Whatever follows the ledger or the clock and acts: notices, deadlines."""
