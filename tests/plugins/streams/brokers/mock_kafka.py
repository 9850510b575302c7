"""librdkafka's mock cluster in a process of its own, told over its input what to do.

python -m tests.plugins.streams.brokers.mock_kafka   prints the addresses of its brokers; then takes
`topic NAME PARTITIONS`, `forget NAME PARTITION BEFORE`, `down` and `up`, a line each, and answers
each with `done`.
"""

import ctypes
import sys
from importlib import metadata

BROKERS = 3


def library() -> ctypes.CDLL | None:
    """librdkafka as it came with the client, which has the mock's own functions."""
    for file in metadata.files("confluent-kafka") or ():
        if "librdkafka" in file.name and ".so" in file.name:
            found = ctypes.CDLL(str(file.locate()))
            for name, result in {
                "rd_kafka_conf_new": ctypes.c_void_p,
                "rd_kafka_new": ctypes.c_void_p,
                "rd_kafka_mock_cluster_new": ctypes.c_void_p,
                "rd_kafka_mock_cluster_bootstraps": ctypes.c_char_p,
            }.items():
                getattr(found, name).restype = result
            return found
    return None


def main() -> None:
    kafka = library()
    assert kafka is not None
    reason = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(kafka.rd_kafka_conf_new())
    client = ctypes.c_void_p(kafka.rd_kafka_new(0, conf, reason, len(reason)))
    cluster = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(client, BROKERS))
    kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 200)
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["topic", name, partitions]:
                kafka.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions), BROKERS)
            case ["forget", name, partition, before]:
                kafka.rd_kafka_mock_partition_delete_records(
                    cluster, name.encode(), int(partition), ctypes.c_int64(int(before))
                )
            case ["down"]:
                for broker in range(1, BROKERS + 1):
                    kafka.rd_kafka_mock_broker_set_down(cluster, broker)
            case ["up"]:
                for broker in range(1, BROKERS + 1):
                    kafka.rd_kafka_mock_broker_set_up(cluster, broker)
        print("done", flush=True)


if __name__ == "__main__":
    main()
