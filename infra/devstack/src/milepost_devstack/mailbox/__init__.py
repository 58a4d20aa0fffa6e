"""The development mailbox: a real SMTP server that keeps every mail and shows it; it never sends one on."""
