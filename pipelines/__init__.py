"""The front-end and back-end pipelines as lists of stages: the same on a laptop, in Jenkins and in tests."""
