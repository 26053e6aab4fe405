"""Which of the open queries to ask next, and why."""
