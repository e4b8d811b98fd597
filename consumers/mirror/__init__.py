"""Read models in a PostgreSQL of their own, fed from Kafka: the way past one machine."""
