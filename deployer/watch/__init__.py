"""Looking at hosts and service now and then, and telling what has changed; nothing of it stays resident."""
