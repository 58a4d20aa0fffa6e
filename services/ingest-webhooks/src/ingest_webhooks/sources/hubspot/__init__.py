"""HubSpot: CRM webhooks, workflows and custom actions."""
