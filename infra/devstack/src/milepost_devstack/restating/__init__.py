"""The command `milepost restate`: orders the past to be told anew, and follows the work."""
