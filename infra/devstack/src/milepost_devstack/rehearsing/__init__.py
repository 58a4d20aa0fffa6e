"""Sends test deliveries as a provider would, and tells what became of them."""
