"""Events read from a broker: Kinesis, Kafka or NATS JetStream."""
