"""Jira: issues that customers speak through."""
