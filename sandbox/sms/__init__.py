"""The sandbox's SMS gateway, and the phones on which everything that it took can be read."""
