"""Connecting CRMs from the command line: what is asked of the playbook API, and how the answers are told."""
