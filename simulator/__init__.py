"""A small Azure that Azure's own SDKs accept; it shares nothing with the product."""
