"""People: the queue of what they are asked to rank, the store of what they said, and the pages' web server."""
