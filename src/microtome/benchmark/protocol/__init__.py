"""How strategies are compared: data, learners, paired seeds, cells that are computed once."""
