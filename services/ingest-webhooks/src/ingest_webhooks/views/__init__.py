"""What the API of this service takes and answers beside events, a file a subject."""
