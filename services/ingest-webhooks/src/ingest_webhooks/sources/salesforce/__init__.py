"""Salesforce: outbound messages, change data capture and calls of flows."""
