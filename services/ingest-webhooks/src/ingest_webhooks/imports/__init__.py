"""History brought in: files of plain events, read in streams, written in chunks."""
