"""The sandbox's mail server, and the mailbox in which everything that it took can be read."""
