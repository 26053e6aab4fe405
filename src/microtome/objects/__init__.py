"""Objects: from a dense prediction to components, and which of them to ask people about."""
