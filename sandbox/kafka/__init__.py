"""A real Apache Kafka broker on this machine, one node, for demonstrations and tests."""
