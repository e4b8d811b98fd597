"""The video bar: who waits, who is called, who is seen. Knows no service: a case is what implements `case.Case`."""
