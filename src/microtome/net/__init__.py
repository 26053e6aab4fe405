"""Networks, and nothing else: images in, logits out."""
