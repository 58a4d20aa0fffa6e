"""The command `milepost playbook`: what sets playbooks apart from other documents, and putting them in force."""
