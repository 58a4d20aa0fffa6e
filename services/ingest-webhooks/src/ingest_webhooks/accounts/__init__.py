"""Whose a reference is: words about accounts, settled in any order, and the people who say them."""
