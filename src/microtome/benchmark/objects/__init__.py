"""What queries of objects are compared on: planted proposals, designs of clusters, and what they come to."""
