"""Where the files of a capture are, and which of them belong to a day."""
