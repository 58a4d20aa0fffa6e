"""From deliveries to the feed: what they say by today's mapping, told once, and once more when asked to."""
