"""Customer relationship systems that Milepost writes to: one manner of asking, one file for each of them."""
