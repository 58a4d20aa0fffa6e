"""The services that the runner asks over HTTP."""
