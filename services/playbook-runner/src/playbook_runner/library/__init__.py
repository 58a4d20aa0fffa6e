"""The playbooks that are shipped; each file is one document in the format `playbook/1`."""
