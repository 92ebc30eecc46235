"""A host that runs containers: its engine, a shell in its containers, its facts, the lock."""
