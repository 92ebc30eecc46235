"""What is measured, and the load it is measured under."""
