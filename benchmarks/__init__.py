"""Benchmarks, each beside a yardstick measured in the same run. They print ratios and assert nothing."""
