"""What lies ahead of accounts: plans and journeys, what would follow, ways to a better band."""
