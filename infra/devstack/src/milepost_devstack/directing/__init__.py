"""The command `milepost playbook`: playbooks as documents, checked, kept, compared and put in force."""
