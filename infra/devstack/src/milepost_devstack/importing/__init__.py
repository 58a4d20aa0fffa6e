"""`milepost import`: a file's rows as plain events, sent in streams that go on where they broke; it judges no event."""
