"""Sends one message as `kcat -P` would: the options that the documentation uses, on the library that kcat is made of.

kcat comes with an operating system's packages only, so it cannot be had wherever the tests run.
"""

from __future__ import annotations

import argparse
import sys

from confluent_kafka import Producer


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-P", action="store_true", required=True)
    for option in ("-b", "-t", "-k"):
        parser.add_argument(option, required=True)
    for option in ("-X", "-H"):
        parser.add_argument(option, action="append", default=[])
    given = parser.parse_args()
    producer = Producer({"bootstrap.servers": given.b, **dict(each.split("=", 1) for each in given.X)})
    headers = [(name, value.encode()) for name, value in (each.split("=", 1) for each in given.H)]
    for line in sys.stdin.buffer.read().splitlines():  # kcat's delimiter is the line end
        producer.produce(given.t, line, given.k, headers=headers)
    sys.exit(1 if producer.flush(30) else 0)


if __name__ == "__main__":
    main()
