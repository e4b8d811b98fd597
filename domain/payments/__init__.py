"""What is paid, by card or in cash, and what is due back. Knows no service: a case is what implements `case.Case`."""
