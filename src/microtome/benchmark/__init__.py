"""Data sets, protocol, statistics and report: how a strategy is compared and believed."""
