"""The face for machines: partner platforms, and the public look-up as JSON."""
