"""Images in classes: how well a classifier learns from those that a strategy asked people about."""
