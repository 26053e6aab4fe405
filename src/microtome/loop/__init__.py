"""The loop: ask, answer, train, and again. Asking before there is a model loads no torch."""
