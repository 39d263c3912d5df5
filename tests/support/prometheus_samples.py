"""Reads the text format of Prometheus from standard input with the project's own parser and prints a line per sample: name, value, and
the labels as hexadecimal digits of UTF-8. Exit code 77 where the parser is not installed, 1 when it refuses the text."""
import sys

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    sys.exit(77)

text = sys.stdin.buffer.read().decode("utf-8")
for family in text_string_to_metric_families(text):
    if not family.documentation or family.type not in ("counter", "gauge", "histogram"):
        sys.exit(f"{family.name}: type {family.type}, help {family.documentation!r}")
    for sample in family.samples:
        labels = " ".join(f"{name}={value.encode().hex()}" for name, value in sorted(sample.labels.items()))
        print(sample.name, repr(sample.value), labels)
