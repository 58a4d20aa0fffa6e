"""Messages in the product: put up, shown, put away."""
