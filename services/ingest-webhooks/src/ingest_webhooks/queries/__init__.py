"""Every SQL statement of the service, by what it speaks of; none of them commits."""
