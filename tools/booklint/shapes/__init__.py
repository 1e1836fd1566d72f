"""Shape comments, held against the real tensors by running the chapter."""
