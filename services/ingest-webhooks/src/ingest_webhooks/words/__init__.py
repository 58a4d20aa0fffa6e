"""The words of this service: what sources read and say, rules, references, domains; no store, no source's own word."""
