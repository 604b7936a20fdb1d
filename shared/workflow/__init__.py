"""The durable shell: queue entity, orchestrators and activities around the pure core."""
