"""What a message says and to whom: clean words of an account, sandboxed templates, drafts, ways out."""
