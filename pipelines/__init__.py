"""The front-end and back-end pipelines as lists of stages; they come with a later release."""
