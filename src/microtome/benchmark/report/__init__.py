"""Pages and figures: of one run, and of a study."""
