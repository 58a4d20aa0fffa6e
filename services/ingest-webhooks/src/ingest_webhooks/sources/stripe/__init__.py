"""Stripe: invoices, payments and subscriptions."""
