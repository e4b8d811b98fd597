"""The public stream in an Apache Iceberg table: each fact that Kafka holds stands in it exactly once."""
