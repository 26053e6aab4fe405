"""Training: from labelled examples to the weights of a network."""
